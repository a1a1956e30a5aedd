"""The JupyterLite side of micropip-lock: its own import package in the same wheel.

What it knows: that JupyterLite finds a site's addons by import package, so this one is kept apart from
:mod:`micropip_lock`, which must stay cheap to import in a browser kernel.

Left to others: reading, checking and replaying locks (:mod:`micropip_lock`).
"""
