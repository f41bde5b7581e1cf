"""Writes the page's files as a C table: embed.py OUTPUT.c FOLDER, or OUTPUT.c alone when there is no page."""
import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
WITHOUT = b"""<!doctype html><meta charset="utf-8"><title>weir</title>
<h1>weir</h1><p>This weir was built without its page: Node was not there. Install nodejs and npm, then run make build again.
The API is under /v1, the command line is weir --help.</p>
"""


def address(name):
    return "/" if name == "index.html" else f"/assets/{name}"


def main():
    output = pathlib.Path(sys.argv[1])
    assets = [("/", TYPES[".html"], WITHOUT)]
    if len(sys.argv) > 2:
        folder = pathlib.Path(sys.argv[2])
        names = ["index.html", "app.js", "app.css"]
        assets = [(address(name), TYPES[pathlib.Path(name).suffix], (folder / name).read_bytes()) for name in names]
    lines = ['#include "api/assets.h"', ""]
    for index, (_, _, data) in enumerate(assets):
        lines.append(f"static const unsigned char asset_{index}[] = {{")
        lines += [",".join(str(byte) for byte in data[at:at + 64]) + "," for at in range(0, len(data), 64)]
        lines.append("};")
    lines.append("const struct asset page_assets[] = {")
    for index, (path, kind, data) in enumerate(assets):
        etag = hashlib.sha256(data).hexdigest()[:32]
        lines.append(f'\t{{ "{path}", "{kind}", "\\"{etag}\\"", asset_{index}, sizeof(asset_{index}) }},')
    lines += ["};", f"const size_t page_asset_count = {len(assets)};", ""]
    output.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
