"""What the writer and the reader of a link know before the first bit: frequent names, and how texts in locks look.

Rules this file keeps:

1. It belongs to version 1 of the format: a word more or less, and every link that was ever made reads differently.
   ``js/src/link-names.ts`` has the same words.
2. No address of a package index: what an index is called is in the link.
"""

from __future__ import annotations

from typing import Final

KNOWN_NAMES: Final = tuple(
    """
alabaster altair annotated-doc annotated-types anyio anywidget arrow asgiref asttokens attrs babel beautifulsoup4
black bleach blinker bokeh bqplot branca cachetools cattrs certifi chardet charset-normalizer click cloudpickle
colorama comm contourpy cycler dask decorator defusedxml docutils duckdb et-xmlfile exceptiongroup executing faker
fastjsonschema filelock flask folium fonttools fpdf2 fsspec graphviz h11 html5lib httpcore httpx httpx-sse humanize
hypothesis idna imagesize importlib-metadata inflect iniconfig ipycanvas ipyleaflet ipython ipython-pygments-lexers
ipywidgets itsdangerous jedi jinja2 jiter joblib jsonpatch jsonpointer jsonschema jsonschema-specifications
jupyter-client jupyter-core jupyterlab jupyterlab-pygments jupyterlab-widgets kiwisolver lark linkify-it-py locket
loguru markdown markdown-it-py markupsafe marshmallow matplotlib matplotlib-inline mdit-py-plugins mdurl micropip
mistune more-itertools mpmath msgpack mypy mypy-extensions narwhals nbclient nbconvert nbformat nest-asyncio
networkx nltk numpy openpyxl overrides packaging pandas pandocfilters panel param parso partd pathspec patsy peewee
pendulum pillow pip platformdirs plotly pluggy polars prettytable prompt-toolkit pure-eval pycparser pydantic
pydantic-core pydantic-settings pydeck pygments pyodide-http pyparsing pypdf pyproject-hooks pytest pytest-asyncio
pytest-mock python-dateutil python-docx python-dotenv python-json-logger python-pptx python-slugify pytz pyyaml
qrcode referencing requests rich rich-click rpds-py ruamel-yaml scikit-learn scipy seaborn segno setuptools
shellingham six sniffio snowballstemmer sortedcontainers soupsieve sphinx sphinxcontrib-applehelp
sphinxcontrib-devhelp sphinxcontrib-htmlhelp sphinxcontrib-jsmath sphinxcontrib-qthelp sphinxcontrib-serializinghtml
sqlalchemy sqlglot sqlparse stack-data sympy tabulate tenacity termcolor textual threadpoolctl tinycss2 tinydb tomli
tomli-w tomlkit toolz tornado tqdm traitlets typer typing-extensions typing-inspection tzdata tzlocal uc-micro-py
urllib3 wcwidth webcolors webencodings websockets werkzeug wheel widgetsnbextension xarray xlrd xlsxwriter
xyzservices zipp
""".split()
)
"""Frequent names of distributions, sorted: in a link such a name is a small number."""

LESSONS: Final = (
    (0, "2024_0 2025_0 2026_0 emscripten_3_1_58 emscripten_4_0_9 emscripten_5_0_3 3.12.7 3.13.2 3.14.2 wasm32"),
    (
        1,
        "py2.py3-none-any py3-none-any cp313-cp313-pyemscripten_2025_0_wasm32 cp314-cp314-pyemscripten_2026_0_wasm32"
        " cp314-abi3-pyemscripten_2026_0_wasm32",
    ),
    (
        2,
        "http://127.0.0.1:8000/simple https://files.example.org/packages/ https://index.org/simple"
        " https://cdn.jsdelivr.net/pyodide/v314.0.7/full/ https://github.com/",
    ),
)
"""Kind of text and what to learn of it, one word after the other."""

VERSION_LESSONS: Final = (
    "1.0.0 0.1.2 2.3.1 3.0.0 4.12.0 0.2.3 1.16.0 2026.1 25.0 0.8.7 2.0 1.2.4 3.0.17 2026.10.18 0.9.4 5.16.1 0.20.1"
)
"""Versions to learn from."""

SIZE_LESSONS: Final = (5_000, 12_000, 27_000, 60_000, 130_000, 300_000, 700_000, 2_000_000)
"""Sizes of wheels to learn from, in bytes."""
