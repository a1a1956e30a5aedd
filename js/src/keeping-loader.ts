/**
 * What keeps compiled modules: Python source, run once inside a Pyodide that has a store. It leaves no name in the globals.
 *
 * Modules below site-packages are imported by Python's own finder and loader; the loader keeps each module's code as it
 * compiles it. Bytecode of earlier visits is found by Python itself, below `sys.pycache_prefix`, so that site-packages
 * holds what was installed and nothing else; and where a mounted directory and source are as they were mounted, that module is
 * taken at once, without looking for what else it might be. Python looks in no `__pycache__` then: what was unpacked there by
 * others is found by the loader, where it has the hash of the very source (PEP 552).
 */
export const KEEPING_LOADER = `
def __micropip_lock_keep(site, prefix, notify):
    import _imp
    import json
    import marshal
    import os
    import sys
    from importlib import machinery
    from importlib.util import spec_from_file_location

    # What is kept was compiled without -O.
    if sys.pycache_prefix is not None or sys.flags.optimize:
        return None
    sys.pycache_prefix = prefix
    found = []
    tag = sys.implementation.cache_tag
    known = {}
    codes = []

    def offer(path, listed):
        codes[:] = codes or [os.open(path, os.O_RDONLY)]
        known.update((source, facts) for source, *facts in json.loads(listed))

    def mounted(path, time):
        try:
            status = os.stat(path)
        except OSError:
            return None
        return status if round(status.st_mtime * 1000) == time else None

    def brought(path, data):
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

    class KeepingFinder(machinery.FileFinder):
        def find_spec(self, fullname, target=None):
            base = f"{self.path}/{fullname.rpartition('.')[2]}"
            for path, inside in ((f"{base}.py", None), (f"{base}/__init__.py", [base])):
                time, *_ = known.get(path, (None,))
                status = time and mounted(self.path, time) and (inside is None or mounted(base, time)) and mounted(path, time)
                if status:
                    loader = KeepingLoader(fullname, path)
                    loader.status = status
                    return spec_from_file_location(fullname, path, loader=loader, submodule_search_locations=inside)
            return super().find_spec(fullname, target)

    class KeepingLoader(machinery.SourceFileLoader):
        status = None

        def get_code(self, fullname):
            if self.path in known:
                time, size, at, length = known[self.path]
                status, self.status = self.status or os.stat(self.path), None
                if round(status.st_mtime * 1000) == time and status.st_size == size:
                    try:
                        code = marshal.loads(os.pread(codes[0], length, at))
                        _imp._fix_co_filename(code, self.path)
                        return code
                    except (OSError, ValueError, EOFError, TypeError):
                        del known[self.path]
                elif int(status.st_mtime) == time // 1000 and status.st_size == size:
                    # Python compares seconds: an edit right after the mount would get the code of what was there before.
                    return self.source_to_code(self.get_data(self.path), self.path)
            return super().get_code(fullname)

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
        return KeepingFinder.path_hook(*kinds)(path)

    sys.path_hooks.insert(0, hook)
    for path in [path for path in sys.path_importer_cache if path.startswith(site)]:
        del sys.path_importer_cache[path]
    def take(most):
        import hashlib

        taken, found[:most] = found[:most], []
        return [(path, hashlib.sha256(data).digest(), marshal.dumps(code)) for path, data, code in taken]

    take.waiting = lambda: len(found)
    take.offer = offer
    return take

globals().pop("__micropip_lock_keep")
`;
