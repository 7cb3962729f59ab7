"use strict";
// Whatever comes from the graph is written as textContent, so that no name is ever markup.
const source = document.getElementById("data"), data = JSON.parse(source.textContent);
const at = Object.fromEntries(data.columns.map((name, place) => [name, place]));
const plain = text => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const words = data.rows.map(row => plain(row[at.name] + " " + row[at.text]));
const place = new Map(data.rows.map((row, number) => [row[at.node], number]));
const element = id => document.getElementById(id);
const PAGE = 50, WIDTH = 720, HEIGHT = 420, SVG = "http://www.w3.org/2000/svg";
let page = 1;

function added(parent, tag, text, kind) {
  const one = parent.appendChild(document.createElement(tag));
  if (text !== undefined) one.textContent = text;
  if (kind) one.className = kind;
  return one;
}

function link(parent, node, text) {
  const one = added(parent, place.has(node) ? "a" : "span", text);
  if (place.has(node)) one.href = "#node-" + node;
}

function matching() {
  const asked = plain(element("search").value.trim()), type = element("type").value, truth = element("truth").value;
  const least = element("least").value, most = element("most").value;
  return data.rows.filter((row, number) =>
    (type === "" || row[at.type] === Number(type)) && words[number].includes(asked)
    && (truth === "" || row[at.seen] === (truth === "yes"))
    && (least === "" || row[at.edges] >= Number(least)) && (most === "" || row[at.edges] <= Number(most)));
}

function showRanking() {
  const found = matching(), pages = Math.max(1, Math.ceil(found.length / PAGE));
  page = Math.min(Math.max(page, 1), pages);
  const body = document.createElement("tbody");
  body.id = "rows";
  for (const row of found.slice((page - 1) * PAGE, page * PAGE)) {
    const line = body.insertRow();
    added(line, "td", row[at.rank]);
    const name = added(line, "td", "", "words");
    link(name, row[at.node], row[at.name]);
    if (row[at.text]) added(name, "small", row[at.text]);
    added(added(line, "td", undefined, "words"), "span", data.types[row[at.type]], "kind");
    added(line, "td", row[at.degree]);
    added(line, "td", row[at.score]);
    if (source.dataset.other) added(line, "td", row[at.other]);
    added(line, "td", row[at.interval]);
    added(line, "td", row[at.known] + (row[at.seen] ? " *" : ""));
    added(line, "td", row[at.top]);
  }
  element("rows").replaceWith(body);
  element("count").textContent = found.length.toLocaleString("en") + (found.length === 1 ? " node" : " nodes");
  element("page").textContent = "Page " + page.toLocaleString("en") + " of " + pages.toLocaleString("en");
  element("previous").disabled = page === 1;
  element("next").disabled = page === pages;
}

function pairs(parent, list) {
  const told = added(parent, "dl");
  for (const [name, value] of list) {
    if (value === "" || value === undefined) continue;
    added(told, "dt", name);
    added(told, "dd", value);
  }
}

function drawn(parent, tag, attributes, text) {
  const one = parent.appendChild(document.createElementNS(SVG, tag));
  for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
  if (text !== undefined) one.textContent = text;
  return one;
}

function star(parent, name, facts) {
  const figure = added(parent, "figure"), ends = [...new Set(facts.map(fact => fact[0]))];
  const picture = drawn(figure, "svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "star", role: "img"});
  drawn(picture, "title", {}, "The node and the neighbours that count most");
  const largest = Math.max(...facts.map(fact => Math.abs(fact[5]))) || 1;
  const where = new Map(ends.map((node, number) => {
    const turn = 2 * Math.PI * number / ends.length;
    return [node, [WIDTH / 2 + 0.36 * WIDTH * Math.sin(turn), HEIGHT / 2 - 0.38 * HEIGHT * Math.cos(turn)]];
  }));
  for (const [node, , , , , value] of facts) {
    const [x, y] = where.get(node);
    drawn(picture, "line", {
      x1: WIDTH / 2, y1: HEIGHT / 2, x2: x, y2: y, stroke: value < 0 ? "#b45309" : "#1f5fbf",
      "stroke-width": 1 + 7 * Math.abs(value) / largest, "stroke-dasharray": value < 0 ? "8 5" : "none",
    });
  }
  const short = text => text.length > 26 ? text.slice(0, 25) + "…" : text;
  for (const [node, text] of facts) {
    const [x, y] = where.get(node);
    drawn(picture, "circle", {cx: x, cy: y, r: 8, fill: "#8791a5"});
    drawn(picture, "text", {x, y: y + 22}, short(text));
  }
  drawn(picture, "circle", {cx: WIDTH / 2, cy: HEIGHT / 2, r: 14, fill: "#1d2433"});
  drawn(picture, "text", {x: WIDTH / 2, y: HEIGHT / 2 + 30}, short(name));
  added(figure, "figcaption", "Blue lines raise the score, orange and dashed ones lower it, and the widest count most.");
}

function explained(card, row, why) {
  added(card, "h2", "Why it has this score");
  pairs(card, why.sum);
  for (const said of why.notes) added(card, "p", said);
  if (!why.facts.length) return;
  const table = added(added(card, "div", undefined, "scroll facts"), "table"), head = added(added(table, "thead"), "tr");
  for (const name of ["relation", "neighbour", "contribution", ""]) added(head, "th", name, "words").scope = "col";
  const body = added(table, "tbody"), largest = Math.max(...why.facts.map(fact => Math.abs(fact[5]))) || 1;
  for (const [node, neighbour, relation, leaving, words, value] of why.facts) {
    const line = added(body, "tr");
    added(line, "td", (leaving ? "→\u00a0" : "←\u00a0") + relation, "words");
    link(added(line, "td", undefined, "words"), node, neighbour);
    const cell = added(line, "td", words), bar = added(cell, "div", undefined, "bar");
    const halves = [added(bar, "span"), added(bar, "span")];
    added(halves[value < 0 ? 0 : 1], "i", undefined, value < 0 ? "minus" : "plus").style.width = 100 * Math.abs(value) / largest + "%";
    added(line, "td");
  }
  if (why.rest) added(card, "p", why.rest, "quiet");
  star(card, row[at.name], why.facts);
}

function showCard() {
  const node = /^#node-(\d+)$/.exec(location.hash), row = node && data.rows[place.get(Number(node[1]))];
  const card = element("card");
  card.replaceChildren();
  card.hidden = !row;
  if (!row) return;
  added(card, "h2", row[at.name]);
  added(card, "p", data.types[row[at.type]] + ", " + row[at.degree] + " edges", "quiet");
  pairs(card, [
    ["Score", row[at.score]], [source.dataset.interval, row[at.interval]],
    ["In truth", row[at.known] + (row[at.seen] ? " (a model behind the score had learned from it)" : "")],
    ["The score is", row[at.off] === "—" ? "" : row[at.off]],
    ["Rank", row[at.rank] + " of all, " + row[at.rank_in_type] + " of its type"], ["Chance of the top 100", row[at.top]],
    ["Score by " + source.dataset.other, source.dataset.other && row[at.other]],
  ]);
  if (row[at.text]) added(card, "p", row[at.text]);
  if (data.why[node[1]]) explained(card, row, data.why[node[1]]);
  card.scrollIntoView();
  card.focus();
}

data.types.forEach((name, number) => element("type").add(new Option(name, number)));
for (const id of ["search", "type", "truth", "least", "most"])
  element(id).addEventListener("input", () => { page = 1; showRanking(); });
element("previous").addEventListener("click", () => { page -= 1; showRanking(); });
element("next").addEventListener("click", () => { page += 1; showRanking(); });
window.addEventListener("hashchange", showCard);
showRanking();
showCard();
