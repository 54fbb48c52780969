"""Build the documents as a site, site/html: the pages of docs/, the README as front page, links beyond docs/ mended."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "site"
PAGES = SITE / "pages"
FRONT = {"README.md": "index.md", "README.ru.md": "index.ru.md", "CHANGELOG.md": "CHANGELOG.md", "LICENSE": "LICENSE"}
FRONT |= {"SECURITY.md": "SECURITY.md", "CONTRIBUTING.md": "CONTRIBUTING.md"}
SKIPPED = shutil.ignore_patterns("*.py", "__pycache__")
# A folder is no page: its first file, or the file itself as text.
FOLDERS = ("systemd", "readers", "schema")


def mended(text: str) -> str:
    """Return a page of the root whose links stand where docs/ is the root."""
    text = re.sub(r"\]\(docs/", "](", text)
    for name, page in FRONT.items():
        text = text.replace(f"]({name})", f"]({page})")
    return text


def prepare() -> None:
    """Copy what the site is made of into site/pages."""
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.copytree(ROOT / "docs", PAGES, ignore=SKIPPED)
    for name, page in FRONT.items():
        (PAGES / page).write_text(mended((ROOT / name).read_text(encoding="utf-8")), encoding="utf-8")
    for page in PAGES.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        for name, target in FRONT.items():
            text = text.replace(f"](../{name})", f"]({target})")
        for folder in FOLDERS:
            text = text.replace(f"]({folder}/)", f"]({folder}/index.md)")
        page.write_text(text, encoding="utf-8")
    for folder in FOLDERS:
        files = sorted(path for path in (PAGES / folder).glob("*") if path.is_file() and path.suffix != ".md")
        if files and not (PAGES / folder / "index.md").exists():
            listed = "\n".join(f"- [{path.name}]({path.name})" for path in files)
            (PAGES / folder / "index.md").write_text(f"# {folder}\n\n{listed}\n", encoding="utf-8")


if __name__ == "__main__":
    prepare()
    done = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"], cwd=ROOT, check=False)
    sys.exit(done.returncode)
