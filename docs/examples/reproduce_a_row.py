"""A row of a table: RGTN against gradient boosting on the cities of the embedded graph, by their population."""

import nie

result = nie.run("geo", preset="quick", methods=["boosting", "rgtn"])
print(result.table())
print(nie.compare(result, "rgtn", "boosting"))
