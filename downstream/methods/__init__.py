"""Methods of importance estimation: what a method is, the table of them, their settings, and how each is fitted.

A fold goes through `fold_work` (what a method reads) to ``Method.fit``, which gives the one record `fitted.Fitted`.
"""
