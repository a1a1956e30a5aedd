/**
 * What keeps compiled modules: Python source, run once inside a Pyodide that has a store.
 *
 * Modules below site-packages are imported by Python's own finder and loader; the loader keeps each module's code as it
 * compiles it. Bytecode of earlier visits is found by Python itself, below `sys.pycache_prefix`, so that site-packages
 * holds what was installed and nothing else. Python looks in no `__pycache__` then: what was unpacked there by others is found
 * by the loader, where it has the hash of the very source (PEP 552).
 */
export const KEEPING_LOADER = `
def keep(site, prefix, notify):
    import sys
    from importlib import machinery

    if sys.pycache_prefix is not None:
        return None
    sys.pycache_prefix = prefix
    found = []
    tag = sys.implementation.cache_tag

    def brought(path, data):
        import marshal
        from importlib.util import MAGIC_NUMBER, source_hash

        folder, _, name = path.rpartition("/")
        try:
            with open(f"{folder}/__pycache__/{name.removesuffix('.py')}.{tag}.pyc", "rb") as file:
                compiled = file.read()
            if compiled[:4] == MAGIC_NUMBER and compiled[4] & 1 and compiled[8:16] == source_hash(data):
                return marshal.loads(memoryview(compiled)[16:])
        except (OSError, ValueError, EOFError, TypeError, IndexError):
            pass
        return None

    class KeepingLoader(machinery.SourceFileLoader):
        def source_to_code(self, data, path, *more, **options):
            code = brought(path, data) if type(data) is bytes else None
            if code is not None:
                return code
            code = super().source_to_code(data, path, *more, **options)
            if type(data) is bytes and notify is not None:
                found.append((path, data, code))
                if len(found) == 1:
                    notify()
            return code

    kinds = (
        (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES),
        (KeepingLoader, machinery.SOURCE_SUFFIXES),
        (machinery.SourcelessFileLoader, machinery.BYTECODE_SUFFIXES),
    )

    def hook(path):
        if path != site and not path.startswith(site + "/"):
            raise ImportError(path)
        return machinery.FileFinder.path_hook(*kinds)(path)

    sys.path_hooks.insert(0, hook)
    for path in [path for path in sys.path_importer_cache if path.startswith(site)]:
        del sys.path_importer_cache[path]
    def take(most):
        import hashlib
        import marshal

        taken, found[:most] = found[:most], []
        return [(path, hashlib.sha256(data).digest(), marshal.dumps(code)) for path, data, code in taken]

    take.waiting = lambda: len(found)
    return take

keep
`;
