"""What the writer and the reader of a link know before the first bit: frequent names, and what locks look like.

Rules this file keeps:

1. It belongs to version 1 of the format: a word more or less, and every link that was ever made reads differently.
   ``js/src/link-names.ts`` has the same.
2. No address of a package index: what an index is called is in the link.
"""

from __future__ import annotations

from typing import Final

_WORDS: Final = """
alabaster altair annotated-doc annotated-types anyio anywidget arrow asgiref asttokens attrs=attr+attrs babel
beautifulsoup4=bs4 black bleach blinker bokeh bqplot branca cachetools cattrs certifi chardet charset-normalizer
click cloudpickle colorama comm contourpy cycler dask decorator defusedxml docutils duckdb et-xmlfile exceptiongroup
executing faker fastjsonschema filelock flask folium fonttools fpdf2=fpdf fsspec graphviz h11 html5lib httpcore
httpx httpx-sse humanize hypothesis idna imagesize importlib-metadata inflect iniconfig ipycanvas ipyleaflet
ipython=IPython ipython-pygments-lexers ipywidgets itsdangerous jedi jinja2 jiter joblib jsonpatch jsonpointer
jsonschema jsonschema-specifications jupyter-client jupyter-core jupyterlab jupyterlab-pygments jupyterlab-widgets
kiwisolver lark linkify-it-py=linkify_it locket loguru markdown markdown-it-py=markdown_it markupsafe marshmallow
matplotlib matplotlib-inline mdit-py-plugins mdurl micropip mistune more-itertools mpmath msgpack mypy
mypy-extensions narwhals nbclient nbconvert nbformat nest-asyncio networkx nltk numpy openpyxl overrides packaging
pandas pandocfilters panel param parso partd pathspec patsy peewee pendulum pillow=PIL pip platformdirs
plotly=_plotly_utils+plotly pluggy polars prettytable prompt-toolkit pure-eval pycparser pydantic pydantic-core
pydantic-settings pydeck pygments pyodide-http pyparsing pypdf pyproject-hooks pytest=_pytest+py+pytest
pytest-asyncio pytest-mock python-dateutil=dateutil python-docx=docx python-dotenv=dotenv python-json-logger
python-pptx=pptx python-slugify=slugify pytz pyyaml=_yaml+yaml qrcode referencing requests rich rich-click
rpds-py=rpds ruamel-yaml=ruamel.yaml scikit-learn=sklearn scipy seaborn segno
setuptools=_distutils_hack+pkg_resources+setuptools shellingham six sniffio snowballstemmer sortedcontainers
soupsieve sphinx sphinxcontrib-applehelp sphinxcontrib-devhelp sphinxcontrib-htmlhelp sphinxcontrib-jsmath
sphinxcontrib-qthelp sphinxcontrib-serializinghtml sqlalchemy sqlglot sqlparse stack-data sympy=isympy+sympy
tabulate tenacity termcolor textual threadpoolctl tinycss2 tinydb tomli tomli-w tomlkit toolz=tlz+toolz tornado tqdm
traitlets typer typing-extensions typing-inspection tzdata tzlocal uc-micro-py=uc_micro urllib3 wcwidth webcolors
webencodings websockets werkzeug wheel widgetsnbextension xarray xlrd xlsxwriter xyzservices zipp
"""

KNOWN_NAMES: Final = tuple(word.partition("=")[0] for word in _WORDS.split())
"""Frequent names of distributions, sorted: in a link such a name is a small number."""

KNOWN_IMPORTS: Final = {
    name: imports.split("+") for name, mark, imports in (word.partition("=") for word in _WORDS.split()) if mark
}
"""What is imported of some of them, where that is not the name."""

KNOWN_INFO: Final = (
    "2026_0 wasm32 emscripten_5_0_3 3.14.2",
    "2025_0 wasm32 emscripten_4_0_9 3.13.2",
    "2024_0 wasm32 emscripten_3_1_58 3.12.7",
)
"""``info`` of the locks of today's runtimes."""

LESSONS: Final = (
    "2026_0 2026_5 2027_0 pyemscripten_2026_0 emscripten_5_0_3 3.14.2 3.15.0 wasm32",
    "cp314-abi3-pyemscripten_2026_0_wasm32 cp313-cp313-pyodide_2025_0_wasm32 1-py3-none-any",
    (
        "https://github.com/ https://cdn.jsdelivr.net/pyodide/v314.0.7/full/ https://files.example.org/packages/ "
        "https://index.org/simple"
    ),
)
"""Texts to learn from, by kind, one after the other."""

SAMPLE_VERSIONS: Final = (
    "1.0.0 0.1.2 2.3.1 3.0.0 4.12.0 0.2.3 1.16.0 2026.1 25.0 0.8.7 2.0 1.2.4 3.0.17 2026.10.18 0.9.4 5.16.1 0.20.1"
)
"""Versions of a sample of packages."""

SAMPLE_SIZES: Final = (5_000, 12_000, 27_000, 60_000, 130_000, 300_000, 700_000, 2_000_000)
"""Their sizes in bytes."""
