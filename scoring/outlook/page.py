"""The page of an outlook: one HTML file that shows its maps, from a folder, without a server or other hosts."""

import json
from html import escape
from typing import Final

from scoring.outlook.pictures import Pictures

PAGE: Final = "index.html"

_STYLE: Final = """
:root { color-scheme: light dark; --paper: #fcfcfc; --ink: #141414; --line: #767676; --link: #14438c }
@media (prefers-color-scheme: dark) { :root { --paper: #16191d; --ink: #ececec; --line: #9a9a9a; --link: #9cc4ff } }
body { margin: 0 auto; max-width: 94rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: 0 0 .5rem }
fieldset { border: 1px solid var(--line); border-radius: .25rem; margin: .5rem 0; padding: .25rem .75rem }
fieldset label { display: inline-block; margin-right: 1rem; padding: .25rem 0 }
.lead { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center }
.lead input { flex: 1 1 16rem; min-width: 10rem; min-height: 2rem }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
img { max-width: 100%; max-height: 85vh; background: #fcfcfc; border: 1px solid var(--line) }
a { color: var(--link) }
#legend { display: flex; flex-wrap: wrap; gap: .25rem .75rem; padding: 0; margin: .5rem 0; list-style: none }
#legend::before { content: attr(data-unit) }
#legend i { display: inline-block; width: 1.25em; height: 1em; margin-right: .35em; border: 1px solid var(--line);
  vertical-align: -.1em }
"""

_SCRIPT: Final = """
const outlook = JSON.parse(document.getElementById("outlook").textContent);
const slider = document.getElementById("lead"), day = document.getElementById("day");
const map = document.getElementById("map"), text = document.getElementById("text");
const legend = document.getElementById("legend");
function span(scale, i) {
  if (scale.of_categories) return scale.labels[i];
  const edges = scale.edges, percent = scale.unit === "probability", text = (edge) =>
    percent ? Math.round(edge * 100) + " %" : String(edge).replace("-", "−");
  if (i === 0) return "below " + text(edges[0]);
  return i === edges.length ? text(edges[i - 1]) + " or more" : text(edges[i - 1]) + " to " + text(edges[i]);
}
function explain(scale) {
  const items = scale.colours.map((colour, i) => [colour, span(scale, i)]);
  legend.replaceChildren(...items.map(([colour, words]) => {
    const item = document.createElement("li"), swatch = document.createElement("i");
    swatch.style.background = "rgb(" + colour + ")";
    item.append(swatch, words);
    return item;
  }));
  legend.dataset.unit = scale.unit;
  legend.setAttribute("aria-label", "Colours: " + scale.unit);
}
function show() {
  const name = document.querySelector("input[name=layer]:checked").value;
  const picture = outlook.layers[name][slider.value - 1], when = outlook.days[slider.value - 1];
  day.textContent = when + ", day " + picture.lead;
  slider.setAttribute("aria-valuetext", day.textContent);
  map.src = picture.file;
  map.alt = outlook.titles[name] + ", " + when + ". " + picture.text;
  text.textContent = picture.text;
  explain(outlook.scales[name]);
  for (const other of outlook.layers[name]) new Image().src = other.file;
}
document.querySelectorAll("input").forEach((input) => input.addEventListener("input", show));
document.getElementById("controls").hidden = false;
show();
"""


def page(title: str, caption: list[str], file: str, pictures: Pictures) -> str:
    """Return the page."""
    first = next(iter(pictures.layers))
    start = pictures.layers[first][0]
    radios = "".join(
        f'<label><input type="radio" name="layer" value="{name}"{" checked" if name == first else ""}> '
        f"{escape(pictures.titles[name])}</label>\n"
        for name in pictures.layers
    )
    # In a script element, only "</" could end the data.
    data = json.dumps(pictures.description(), ensure_ascii=False).replace("</", "<\\/")
    links = "".join(
        f'<li><a href="{picture.file}">{escape(pictures.titles[name])}, {day}</a></li>\n'
        for name, maps in pictures.layers.items()
        for day, picture in zip(pictures.days, maps, strict=True)
    )
    about = "".join(f"<p>{escape(line)}</p>\n" for line in caption)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
<div id="controls" hidden>
<fieldset><legend>Map</legend>
{radios}</fieldset>
<div class="lead"><label for="lead">Day</label>
<input type="range" id="lead" min="1" max="{len(pictures.days)}" value="1" step="1">
<output id="day" for="lead">{pictures.days[0]}, day 1</output></div>
</div>
<p id="text" aria-live="polite">{escape(start.text)}</p>
<img id="map" src="{start.file}" alt="{escape(f"{pictures.titles[first]}, {pictures.days[0]}. {start.text}")}">
<ul id="legend"></ul>
{about}<p><a href="{escape(file)}">{escape(file)}</a> has the forecasts.</p>
<noscript><ul>
{links}</ul></noscript>
</main>
<script type="application/json" id="outlook">{data}</script>
<script>{_SCRIPT}</script>
</body>
</html>
"""
