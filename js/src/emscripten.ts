/**
 * The parts of Emscripten's file system that a mount relies on, private ones among them.
 *
 * Known for Emscripten as in Pyodide 0.29 (2025_0) and 314 (2026_0); `isKnown` asks before anything is relied on, and
 * whoever mounts takes real files where the answer is no.
 */

export interface FsNode {
  readonly id: number;
  name: string;
  mode: number;
  parent: FsNode;
  readonly mount: { readonly type: unknown };
  readonly mounted?: unknown;
  /** Of a directory: its children by name. Of a file: its bytes, of which `usedBytes` count. */
  contents: unknown;
  usedBytes?: number;
  node_ops: Record<string, unknown>;
  stream_ops: Record<string, unknown>;
  atime: number;
  mtime: number;
  ctime: number;
}

export interface NodeTable {
  readonly dir: { readonly node: Record<string, unknown>; readonly stream: Record<string, unknown> };
  readonly file: { readonly node: Record<string, unknown>; readonly stream: Record<string, unknown> };
}

export interface FileSystem {
  readonly filesystems: { readonly MEMFS: { readonly ops_table?: NodeTable } };
  readonly ErrnoError: new (errno: number) => Error;
  mkdirTree(path: string): void;
  readdir(path: string): string[];
  writeFile(path: string, bytes: Uint8Array): void;
  lookupPath(path: string, options?: { follow?: boolean }): { readonly node: FsNode };
  createNode(parent: FsNode, name: string, mode: number, device: number): FsNode;
  hashRemoveNode(node: FsNode): void;
  isDir(mode: number): boolean;
  isFile(mode: number): boolean;
  isMountpoint(node: FsNode): boolean;
  unlink(path: string): void;
  rmdir(path: string): void;
}

/** Errors by number, as in Emscripten's (WASI's) errno. */
export const ENOENT = 44;
export const EIO = 29;

/** Modes that MEMFS gives to what `open` and `mkdir` make. */
export const FILE_MODE = 0o100_666;
export const DIRECTORY_MODE = 0o40_777;

/**
 * Whether `path` is a directory in memory, of a file system whose inside is the one that is known.
 *
 * @param fs `pyodide.FS`
 */
export function isKnown(fs: FileSystem, path: string): boolean {
  const table = fs.filesystems?.MEMFS?.ops_table;
  if (table === undefined || typeof fs.createNode !== "function" || typeof fs.hashRemoveNode !== "function") {
    return false;
  }
  let node: FsNode;
  try {
    node = fs.lookupPath(path, { follow: true }).node;
  } catch {
    return false;
  }
  const { lookup, readdir, mknod, rmdir } = table.dir.node;
  const { read, write } = table.file.stream;
  return (
    fs.isDir(node.mode) &&
    node.mount.type === fs.filesystems.MEMFS &&
    [lookup, readdir, mknod, rmdir, read, write].every((one) => typeof one === "function") &&
    typeof node.contents === "object" &&
    node.contents !== null
  );
}
