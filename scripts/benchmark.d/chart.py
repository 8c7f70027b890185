"""docs/benchmarks.svg: a panel for each workload, a bar for each proxy, readable on light and on dark pages."""

from xml.sax.saxutils import escape

from report import SUBJECT, figure, split

COLUMNS = 3
PANEL_WIDTH, PANEL_HEIGHT = 300, 146
MARGIN, GAP, HEADER, FOOTER = 24, 24, 64, 40
NAME_WIDTH, VALUE_WIDTH = 76, 72
BAR_HEIGHT, BAR_STEP, FIRST_BAR = 18, 27, 48

STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; fill: #52514e }
  .title { font-size: 17px; font-weight: 600; fill: #0b0b0b }
  .workload { font-weight: 600; fill: #0b0b0b }
  .subject { font-weight: 600; fill: #0b0b0b }
  .value { font-variant-numeric: tabular-nums }
  .surface { fill: #fcfcfb; stroke: #e1e0d9 }
  .bar { fill: #b5b3ab }
  .bar-subject { fill: #2a78d6 }
  .axis { stroke: #c3c2b7 }
  .target { stroke: #0b0b0b; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #c3c2b7 }
    .title, .workload, .subject { fill: #ffffff }
    .surface { fill: #1a1a19; stroke: #2c2c2a }
    .bar { fill: #6f6e68 }
    .bar-subject { fill: #3987e5 }
    .axis { stroke: #383835 }
    .target { stroke: #ffffff }
  }
"""


def svg(workloads, results, titles):
  workloads, _ = split(workloads, titles)
  rows = -(-len(workloads) // COLUMNS)
  width = 2 * MARGIN + COLUMNS * PANEL_WIDTH + (COLUMNS - 1) * GAP
  height = HEADER + rows * PANEL_HEIGHT + FOOTER
  lines = [
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
    'role="img" aria-labelledby="title description">',
    '<title id="title">What a proxy costs</title>',
    f'<desc id="description">{escape(description(workloads, results, titles))}</desc>',
    f"<style>{STYLE}</style>",
    f'<rect class="surface" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
    text(MARGIN, 32, "What a proxy costs", "title"),
    text(MARGIN, 50, "One worker, medians of the rounds, each panel to its own scale; shorter is better."),
  ]
  for index, workload in enumerate(workloads):
    row, column = divmod(index, COLUMNS)
    x, y = MARGIN + column * (PANEL_WIDTH + GAP), HEADER + row * PANEL_HEIGHT
    lines += panel(workload, results, titles, x, y)
  if any(workload.target for workload in workloads):
    y = height - 18
    lines.append(f'<line class="target" x1="{MARGIN + 1}" x2="{MARGIN + 1}" y1="{y - 12}" y2="{y + 2}"/>')
    lines.append(text(MARGIN + 9, y, f"{SUBJECT}'s target"))
  return "\n".join([*lines, "</svg>", ""])


def panel(workload, results, titles, x, y):
  costs = {title: max(0, results.median(workload, title)) for title in titles}
  target = target_cost(workload, results)
  longest = max([*costs.values(), target or 0]) or 1
  left, room = x + NAME_WIDTH, PANEL_WIDTH - NAME_WIDTH - VALUE_WIDTH
  lines = [text(x, y + 18, short(workload.title), "workload"), text(x, y + 36, workload.cost_title)]
  for index, (title, cost) in enumerate(costs.items()):
    top = y + FIRST_BAR + index * BAR_STEP
    baseline = top + BAR_HEIGHT - 4
    length = room * cost / longest
    emphasis = "subject" if title == SUBJECT else ""
    lines.append(text(x, baseline, title, emphasis))
    lines.append(bar(left, top, length, "bar-subject" if emphasis else "bar"))
    past = max(length, room * target / longest + 1) if emphasis and target else length
    lines.append(text(left + past + 6, baseline, figure(cost, workload.unit), f"value {emphasis}".strip()))
    if emphasis and target:
      at = left + room * target / longest
      lines.append(f'<line class="target" x1="{at:.1f}" x2="{at:.1f}" y1="{top - 3}" y2="{top + BAR_HEIGHT + 3}"/>')
  bottom = y + FIRST_BAR + len(costs) * BAR_STEP - 5
  lines.append(f'<line class="axis" x1="{left}" x2="{left}" y1="{y + FIRST_BAR - 4}" y2="{bottom}"/>')
  return lines


def bar(x, y, length, style):
  """Square on the axis, rounded at the end."""
  round_by = min(3, length / 2)
  return (
    f'<path class="{style}" d="M{x} {y}h{length - round_by:.1f}q{round_by:.1f} 0 {round_by:.1f} {round_by:.1f}'
    f'v{BAR_HEIGHT - 2 * round_by:.1f}q0 {round_by:.1f} -{round_by:.1f} {round_by:.1f}H{x}z"/>')


def text(x, y, words, style=""):
  style = f' class="{style}"' if style else ""
  return f'<text{style} x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def target_cost(workload, results):
  """The target in the workload's unit."""
  if workload.target is None:
    return None
  if not workload.target.is_ratio:
    return workload.target.most
  return workload.target.most * min(results.median(workload, title) for title in workload.reference)


def short(title):
  return title[:1].upper() + title[1:]


def description(workloads, results, titles):
  """The chart in words, for those who cannot see it."""
  parts = []
  for workload in workloads:
    costs = ", ".join(f"{title} {figure(results.median(workload, title), workload.unit)}" for title in titles)
    parts.append(f"{workload.title}, {workload.cost_title}: {costs}.")
  return " ".join(parts)
