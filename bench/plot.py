"""Horizontal bars with whiskers, as an SVG of a few lines."""

import html
import statistics

BAR, GAP, LEFT, WIDTH, RIGHT = 18, 10, 270, 420, 70


def bars(title, rows):
    """`rows`: (label, values). The bar is the median, the whisker reaches from the least to the most."""
    most = max(max(values) for _, values in rows)
    height = 40 + len(rows) * (BAR + GAP)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" height="{height}" '
             'font-family="sans-serif" font-size="13">', '<rect width="100%" height="100%" fill="#ffffff"/>',
             f'<text x="10" y="20" font-weight="bold">{html.escape(title)}</text>']
    for i, (label, values) in enumerate(rows):
        y = 34 + i * (BAR + GAP)
        median, low, high = (LEFT + v / most * WIDTH for v in (statistics.median(values), min(values), max(values)))
        ours = label.startswith("token-server")
        parts += [f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{html.escape(label)}</text>',
                  f'<rect x="{LEFT}" y="{y}" width="{median - LEFT:.1f}" height="{BAR}" '
                  f'fill="{"#2b6cb0" if ours else "#a0aec0"}"/>',
                  f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y + BAR / 2}" y2="{y + BAR / 2}" stroke="#1a202c"/>',
                  f'<text x="{max(high, median) + 6:.1f}" y="{y + 14}">{statistics.median(values):.1f}</text>']
    return "\n".join([*parts, "</svg>"]) + "\n"
