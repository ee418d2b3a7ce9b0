"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const names = Object.fromEntries(data.keys.map((key, place) => [key, data.names[place]]));
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const tables = all("table.board");
  const panels = all(".panel");
  const first = panels[0].dataset;
  const state = { board: first.board, config: first.config, range: first.range, sort: "scatter", order: "ascending", spread: "", theme: "" };

  // The address after # holds what is shown: #board=faint&config=transferz&range=all&sort=bias
  function readAddress() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const known = (name, value) => !!document.querySelector(`input[name=${name}][value="${CSS.escape(value)}"]`);
    for (const name of choices)
      if (asked.has(name) && known(name, asked.get(name))) state[name] = asked.get(name);
    if (asked.has("sort") && all(`th[data-key="${CSS.escape(asked.get("sort"))}"]`).length) state.sort = asked.get("sort");
    if (["ascending", "descending"].includes(asked.get("order"))) state.order = asked.get("order");
    if (asked.has("spread")) state.spread = asked.get("spread") && "shown";
    if (["light", "dark"].includes(asked.get("theme"))) state.theme = asked.get("theme");
  }

  function writeAddress() {
    const kept = Object.entries(state).filter(([, value]) => value);
    history.replaceState(null, "", "#" + new URLSearchParams(kept));
  }

  // Panels as chosen by some names; what says nothing of a name is shown with any choice of it.
  const choices = ["board", "config", "range"];
  const chosen = (panel, name) => [undefined, state[name]].includes(panel.dataset[name]);
  const tabled = (...names) => panels.filter((p) => p.dataset.range && names.every((name) => chosen(p, name)));

  // What a board lacks can't be chosen on it, and the first that it has is chosen in its place.
  function showPanels() {
    const before = [];
    for (const name of choices) {
      const there = tabled(...before).map((panel) => panel.dataset[name]);
      if (there[0] && !there.includes(state[name])) state[name] = there[0];
      for (const input of all(`input[name=${name}]`)) {
        input.checked = input.value === state[name];
        input.disabled = !there.includes(input.value) && !!there[0] && name !== "board";
      }
      before.push(name);
    }
    for (const panel of panels) panel.hidden = !choices.every((name) => chosen(panel, name));
    for (const one of all(".of-a-board")) one.hidden = !tabled("board").some((panel) => panel.dataset.config);
  }

  // Rows without a number stay last, whichever way the others go.
  function sortTable(table) {
    const heads = all("thead th", table);
    const column = heads.findIndex((head) => head.dataset.key === state.sort);
    for (const head of heads) head.removeAttribute("aria-sort");
    if (column < 0) return;
    heads[column].setAttribute("aria-sort", state.order);
    const sign = state.order === "ascending" ? 1 : -1;
    const value = (row) => row.children[column].dataset.order;
    const compare = (a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
      return sign * (state.sort === "method" ? x.localeCompare(y) : Number(x) - Number(y));
    };
    for (const body of table.tBodies)
      body.append(...all("tr:not(.divider)", body).sort(compare));
  }

  function showTheme() {
    if (state.theme) root.dataset.theme = state.theme;
    const dark = state.theme ? state.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    document.getElementById("theme").textContent = dark ? "Light" : "Dark";
    return dark;
  }

  // All columns fit on a laptop without the spreads, which have a line of their own.
  function showSpread() {
    root.classList.toggle("compact", !state.spread);
    document.querySelector("input[name=spread]").checked = !!state.spread;
  }

  function element(kind, className, text) {
    const made = document.createElement(kind);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // All pairs by the metric that the table is sorted by, in the table's order.
  function showPairs() {
    const section = document.getElementById("pairs");
    if (!section) return;
    const listed = data.sets[state.board]?.[state.config]?.[state.range]?.[state.sort] ?? [];
    const found = listed.map(([one, two, ...rest]) => [data.keys[one], data.keys[two], ...rest]);
    section.hidden = !found.length;
    if (section.hidden) return;
    const pairs = new Map();
    const turned = { better: "worse", worse: "better" };
    for (const [one, two, difference, half, p, kind] of found) {
      pairs.set(`${one} ${two}`, [difference, half, p, kind]);
      pairs.set(`${two} ${one}`, [-difference, half, p, turned[kind] ?? kind]);
    }
    const panel = panels.find((p) => !p.hidden && p.dataset.range);
    const there = new Set(found.flatMap(([one, two]) => [one, two]));
    const keys = all("tbody tr:not(.divider)", panel).map((row) => row.dataset.method).filter((key) => there.has(key));
    const metric = panel.querySelector(`th[data-key="${CSS.escape(state.sort)}"]`).textContent;
    document.getElementById("pairs-metric").textContent = metric;
    document.getElementById("pairs-said").textContent = "";
    section.querySelector("table").replaceChildren(pairsHead(keys), pairsBody(keys, pairs));
  }

  function pairsHead(keys) {
    const row = element("tr");
    const corner = element("th", "name", "Method");
    corner.scope = "col";
    row.append(corner);
    keys.forEach((key, place) => {
      const head = element("th", "", String(place + 1));
      head.scope = "col";
      head.title = names[key];
      row.append(head);
    });
    const head = element("thead");
    head.append(row);
    return head;
  }

  function pairsBody(keys, pairs) {
    const body = element("tbody");
    keys.forEach((key, place) => {
      const row = element("tr");
      const name = element("th", "name");
      name.scope = "row";
      name.append(element("span", "place", String(place + 1)), names[key]);
      row.append(name, ...keys.map((other) => pairCell(key, other, pairs.get(`${key} ${other}`))));
      body.append(row);
    });
    return body;
  }

  function pairCell(key, other, found) {
    if (key === other) return element("td", "self");
    if (!found) return element("td", "open", "?");
    const [difference, half, p, kind] = found;
    const cell = element("td", kind, { same: "=", open: "~", better: "◂", worse: "▸" }[kind]);
    const words = { same: "as good, within the margin, as", open: "not told apart from", better: "better than", worse: "worse than" }[kind];
    const number = (value) => value.toPrecision(2).replace("-", "−");
    const said = `${names[key]} is ${words} ${names[other]}: difference ${number(difference)} ± ${number(half)}, p = ${number(p)} (corrected)`;
    cell.title = said;
    cell.tabIndex = 0;
    cell.setAttribute("aria-label", said);
    const say = () => { document.getElementById("pairs-said").textContent = said; };
    cell.addEventListener("focus", say);
    cell.addEventListener("pointerenter", say);
    return cell;
  }

  // What is drawn once for several methods has all their keys.
  function light(keys, on) {
    root.classList.toggle("lighting", on);
    for (const key of keys.split(" "))
      for (const one of all(`[data-method~="${CSS.escape(key)}"]`)) one.classList.toggle("lit", on);
  }

  function show(remember = true) {
    showPanels();
    tables.forEach(sortTable);
    showSpread();
    showTheme();
    showPairs();
    if (remember) writeAddress();
  }

  for (const mark of all("td .mark")) mark.title = data.marks[mark.textContent];
  for (const head of all("table.board thead th")) {
    head.querySelector("button").addEventListener("click", () => {
      const again = head.dataset.key === state.sort && state.order === "ascending";
      state.sort = head.dataset.key;
      state.order = again ? "descending" : "ascending";
      show();
    });
  }
  for (const input of all("#controls input[type=radio]"))
    input.addEventListener("change", () => { state[input.name] = input.value; show(); });
  document.querySelector("input[name=spread]").addEventListener("change", (event) => {
    state.spread = event.target.checked ? "shown" : "";
    show();
  });
  document.getElementById("theme").addEventListener("click", () => {
    state.theme = showTheme() ? "light" : "dark";
    show();
  });
  for (const one of all("[data-method]")) {
    for (const event of ["pointerenter", "focusin"]) one.addEventListener(event, () => light(one.dataset.method, true));
    for (const event of ["pointerleave", "focusout"]) one.addEventListener(event, () => light(one.dataset.method, false));
  }
  for (const link of all('a[href^="#entry-"]')) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const entry = document.getElementById(link.getAttribute("href").slice(1));
      entry.open = true;
      entry.scrollIntoView({ block: "start" });
      entry.querySelector("summary").focus();
    });
  }
  addEventListener("hashchange", () => { readAddress(); show(false); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => showTheme());
  for (const id of ["controls", "theme"]) document.getElementById(id).hidden = false;
  readAddress();
  show(location.hash.includes("="));
})();
