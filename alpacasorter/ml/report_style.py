"""The style sheet of reports: light and dark as the reader's system is, and on paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  --font: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  --ground: #f5f3ef; --card: #ffffff; --border: #d9d4cb; --text: #25221e; --muted: #6a645b;
  --accent: #1f6b57; --warning: #9a4a00; --chart-a: #1f6b57; --chart-b: #c2571a;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #1d1c1a; --card: #282623; --border: #423e39; --text: #ece8e2; --muted: #b3aca1;
    --accent: #74c4a9; --warning: #f0a860; --chart-a: #74c4a9; --chart-b: #f0a860;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 var(--font); }
main { max-width: 1000px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 32px 0 12px; }
p { margin: 8px 0; overflow-wrap: anywhere; }
.lead { font-size: 18px; margin-top: 14px; }
.note, small { color: var(--muted); font-size: 13px; }
.warnings { margin-top: 20px; padding: 4px 18px 8px; border: 1px solid var(--warning); border-radius: 8px;
  background: var(--card); }
.warnings h2 { margin: 10px 0 0; font-size: 15px; color: var(--warning); }
.warnings ul { margin: 6px 0; padding-left: 20px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(148px, 1fr)); gap: 12px; }
.figure, .charts > figure, .photo { background: var(--card); border: 1px solid var(--border); border-radius: 8px; }
.figure { display: flex; flex-direction: column; padding: 12px 14px; }
.figure b { font-size: 24px; line-height: 1.2; }
.figure small { margin-top: 4px; line-height: 1.35; }
figure { margin: 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(400px, 100%), 1fr)); gap: 16px; }
.charts > figure { padding: 12px 14px; }
.charts figcaption { font-weight: 600; margin-bottom: 6px; }
table { width: 100%; border-collapse: collapse; background: var(--card); border: 1px solid var(--border); }
th, td { padding: 7px 12px; text-align: left; vertical-align: top; border-bottom: 1px solid var(--border);
  font-weight: 400; overflow-wrap: anywhere; }
thead th, tbody th { color: var(--muted); }
tbody th { width: 34%; }
.numbers tbody th { width: auto; color: var(--text); }
.numbers th, .numbers td { overflow-wrap: normal; padding: 7px 8px; }
.numbers th:not(:first-child), .numbers td { text-align: right; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(176px, 1fr)); gap: 14px; }
.photo { padding: 8px; min-width: 0; }
.frame, .placeholder { height: 150px; display: flex; align-items: center; justify-content: center; }
.frame img { max-width: 100%; max-height: 100%; border-radius: 3px; }
.placeholder { padding: 10px; text-align: center; font-size: 13px; color: var(--muted); background: var(--ground); }
.photo figcaption { display: flex; flex-direction: column; margin-top: 6px; font-size: 13px; line-height: 1.4; }
.photo .name { color: var(--muted); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
@media print {
  body { background: #ffffff; font-size: 12px; }
  main { max-width: none; padding: 0; }
  .figure, .photo, .charts > figure, tr, .warnings { break-inside: avoid; }
  h2 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
