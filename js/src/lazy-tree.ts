/**
 * Directories of mounted wheels: a directory's nodes are made when something is looked up in it, all of them when it is
 * listed or changed.
 *
 * Rules this file keeps:
 *
 * 1. To Emscripten every node is one of MEMFS. Two things are computed: `lookup` of a name that has no node yet, and
 *    `contents`, the children, an accessor that makes all of them before anybody sees them.
 * 2. Once its last child is made, a directory is a plain one of MEMFS again.
 * 3. Two wheels that share a directory (a namespace) are merged in it; a name is given once only (`collisions` asks).
 * 4. A directory lists its names in the order in which they were put into it, whichever of them was looked up first.
 */

import type { FileSystem, FsNode, NodeTable } from "./emscripten.ts";
import { DIRECTORY_MODE } from "./emscripten.ts";
import type { Content, LazyFiles } from "./lazy-file.ts";

/** A file on its way into the tree. */
export interface Item<Leaf extends Content = Content> {
  /** Below the directory it is mounted at, `/`-separated. */
  readonly path: string;
  readonly leaf: Leaf;
}

/** Items by the next part of their paths. */
interface Parts<Leaf extends Content = Content> {
  readonly files: Map<string, Leaf>;
  readonly folders: Map<string, Item<Leaf>[]>;
  /** The names of both, as they came. */
  readonly order: string[];
  /** Items that want the place of an earlier one. */
  readonly twice: [Item<Leaf>, Item<Leaf>][];
}

/** Items of one directory, looked through once. */
export class Items<Leaf extends Content = Content> {
  readonly all: readonly Item<Leaf>[];
  readonly parts: Parts<Leaf>;

  constructor(all: readonly Item<Leaf>[]) {
    this.all = all;
    this.parts = split(all, 0);
  }
}

/** What is to be made in one directory. */
class Waiting {
  /** The children that are made. */
  readonly children: Record<string, FsNode>;
  /** How many characters of the items' paths name this directory. */
  readonly depth: number;
  readonly time: number;
  readonly #items: readonly Item[];
  #split: Parts | undefined;

  constructor(
    items: readonly Item[],
    depth: number,
    children: Record<string, FsNode>,
    time: number,
    parts?: Parts,
  ) {
    this.#items = items;
    this.#split = parts;
    this.depth = depth;
    this.children = children;
    this.time = time;
  }

  get files(): Map<string, Content> {
    return this.#parts.files;
  }

  get folders(): Map<string, Item[]> {
    return this.#parts.folders;
  }

  /** All names that were ever waiting. */
  get order(): string[] {
    return this.#parts.order;
  }

  get isEmpty(): boolean {
    return this.files.size + this.folders.size === 0;
  }

  /** Most directories are never looked into. */
  get #parts(): Parts {
    this.#split ??= split(this.#items, this.depth);
    return this.#split;
  }
}

/** What `collisions` found: an item whose place is taken. */
export interface Collision<Leaf extends Content = Content> {
  readonly item: Item<Leaf>;
  /** A file that another item brings, a file or a directory that is there, or a file where a directory should be. */
  readonly with: Item<Leaf> | "file" | "directory" | "parent";
}

export class LazyTree {
  readonly #fs: FileSystem;
  readonly #plain: NodeTable["dir"];
  readonly #files: LazyFiles;
  readonly #lazy: Record<string, unknown>;
  readonly #waiting = new WeakMap<FsNode, Waiting>();

  constructor(fs: FileSystem, plain: NodeTable["dir"], files: LazyFiles) {
    this.#fs = fs;
    this.#plain = plain;
    this.#files = files;
    const lookup = plain.node["lookup"] as (parent: FsNode, name: string) => FsNode;
    this.#lazy = {
      ...plain.node,
      lookup: (parent: FsNode, name: string): FsNode => this.#made(parent, name) ?? lookup(parent, name),
    };
  }

  /** Put items below a directory; none of them may collide. Makes no node. */
  attach(directory: FsNode, items: Items, time: number): void {
    this.#attach(directory, items.all, 0, time, items.parts);
  }

  /** Items whose place is taken: by another item, or by what is there. */
  collisions<Leaf extends Content>(directory: FsNode, items: Items<Leaf>): Collision<Leaf>[] {
    const found: Collision<Leaf>[] = [];
    this.#collide(directory, items.all, 0, found, items.parts);
    return found;
  }

  /** The outermost of the directories that items need and that are not there yet, as paths. */
  newFolders(directory: FsNode, items: Items): ReadonlySet<string> {
    const found = new Set<string>();
    this.#newFolders(directory, items.parts, "", found);
    return found;
  }

  #newFolders(directory: FsNode, { folders }: Parts, before: string, found: Set<string>): void {
    for (const [name, inside] of folders) {
      const path = before + name;
      const there = this.#has(directory, name);
      if (there === undefined) {
        found.add(path);
      } else if (there === "directory") {
        this.#newFolders(this.#directory(directory, name), split(inside, path.length + 1), `${path}/`, found);
      }
    }
  }

  /** The content of a file that has no bytes of its own yet, or `undefined`. */
  contentAt(directory: FsNode, path: string): Content | undefined {
    const at = path.indexOf("/");
    const waiting = this.#waiting.get(directory);
    if (at < 0) {
      return waiting?.files.get(path);
    }
    const child = this.#child(directory, path.slice(0, at));
    if (child !== undefined) {
      return this.contentAt(child, path.slice(at + 1));
    }
    const depth = (waiting?.depth ?? 0) + at + 1;
    const rest = path.slice(at + 1);
    return waiting?.folders.get(path.slice(0, at))?.find((item) => item.path.slice(depth) === rest)?.leaf;
  }

  #attach(
    directory: FsNode,
    items: readonly Item[],
    depth: number,
    time: number,
    parts: Parts = split(items, depth),
  ): void {
    const waiting = this.#waiting.get(directory);
    const children = waiting?.children ?? (directory.contents as Record<string, FsNode>);
    const { files, folders, twice } = parts;
    for (const [name, inside] of folders) {
      const child = own(children, name);
      if (child !== undefined) {
        this.#attach(child, inside, depth + name.length + 1, time);
        folders.delete(name);
      }
    }
    if (files.size + folders.size === 0) {
      return;
    }
    directory.mtime = directory.ctime = time;
    const order = parts.order.filter((name) => files.has(name) || folders.has(name));
    if (waiting === undefined) {
      this.#begin(directory, new Waiting(items, depth, children, time, { files, folders, order, twice }));
      return;
    }
    waiting.order.push(...order.filter((name) => !waiting.folders.has(name)));
    for (const [name, content] of files) {
      waiting.files.set(name, content);
    }
    for (const [name, inside] of folders) {
      const there = waiting.folders.get(name);
      // Mounted at other places, their paths have other lengths.
      const given = depth === waiting.depth ? inside : rebased(inside, depth, waiting.depth);
      waiting.folders.set(name, there === undefined ? given : [...there, ...given]);
    }
  }

  #begin(directory: FsNode, waiting: Waiting): void {
    this.#waiting.set(directory, waiting);
    directory.node_ops = this.#lazy;
    Object.defineProperty(directory, "contents", {
      configurable: true,
      enumerable: true,
      get: () => {
        this.#makeAll(directory);
        return waiting.children;
      },
      set: (children: unknown) => {
        this.#makeAll(directory);
        directory.contents = children;
      },
    });
  }

  #makeAll(directory: FsNode): void {
    const waiting = this.#waiting.get(directory);
    if (waiting !== undefined) {
      for (const name of [...waiting.folders.keys(), ...waiting.files.keys()]) {
        this.#made(directory, name);
      }
      this.#end(directory, waiting);
    }
  }

  #end(directory: FsNode, waiting: Waiting): void {
    this.#waiting.delete(directory);
    directory.node_ops = this.#plain.node;
    const value = waiting.children;
    for (const name of waiting.order) {
      const node = value[name] as FsNode;
      delete value[name];
      value[name] = node;
    }
    Object.defineProperty(directory, "contents", { configurable: true, enumerable: true, writable: true, value });
  }

  /** The node of a name that is waiting for one. */
  #made(parent: FsNode, name: string): FsNode | undefined {
    const waiting = this.#waiting.get(parent);
    if (waiting === undefined) {
      return undefined;
    }
    let node: FsNode | undefined;
    const content = waiting.files.get(name);
    const inside = waiting.folders.get(name);
    if (content !== undefined) {
      waiting.files.delete(name);
      node = this.#files.make(parent, name, content, waiting.time);
    } else if (inside !== undefined) {
      waiting.folders.delete(name);
      node = this.#fs.createNode(parent, name, DIRECTORY_MODE, 0);
      node.node_ops = this.#plain.node;
      node.stream_ops = this.#plain.stream;
      node.atime = node.mtime = node.ctime = waiting.time;
      const depth = waiting.depth + name.length + 1;
      this.#begin(node, new Waiting(inside, depth, {}, waiting.time));
    }
    if (node !== undefined) {
      waiting.children[name] = node;
      if (waiting.isEmpty) {
        this.#end(parent, waiting);
      }
    }
    return node;
  }

  #child(directory: FsNode, name: string): FsNode | undefined {
    const children = this.#waiting.get(directory)?.children ?? (directory.contents as Record<string, FsNode>);
    return own(children, name);
  }

  #collide<Leaf extends Content>(
    directory: FsNode | undefined,
    items: readonly Item<Leaf>[],
    depth: number,
    found: Collision<Leaf>[],
    { files, folders, twice }: Parts<Leaf> = split(items, depth),
  ): void {
    for (const [item, other] of twice) {
      found.push({ item, with: other });
    }
    for (const name of files.keys()) {
      if (folders.has(name) || (directory !== undefined && this.#has(directory, name))) {
        const item = items.find((one) => one.path.slice(depth) === name) as Item<Leaf>;
        const there = directory && this.#has(directory, name);
        found.push({ item, with: there || "directory" });
      }
    }
    for (const [name, inside] of folders) {
      const there = directory && this.#has(directory, name);
      if (there === "file") {
        found.push({ item: inside[0] as Item<Leaf>, with: "parent" });
      } else {
        const next = there === undefined ? undefined : this.#directory(directory as FsNode, name);
        if (next !== undefined || several(inside)) {
          this.#collide(next, inside as Item<Leaf>[], depth + name.length + 1, found);
        }
      }
    }
  }

  /** What is at a name, made or not. */
  #has(directory: FsNode, name: string): "file" | "directory" | undefined {
    const child = this.#child(directory, name);
    if (child !== undefined) {
      return this.#fs.isDir(child.mode) && !this.#fs.isMountpoint(child) ? "directory" : "file";
    }
    const waiting = this.#waiting.get(directory);
    return waiting?.files.has(name) ? "file" : waiting?.folders.has(name) ? "directory" : undefined;
  }

  #directory(parent: FsNode, name: string): FsNode {
    return (this.#child(parent, name) ?? this.#made(parent, name)) as FsNode;
  }
}

/** Whether the items are of more than one wheel: only then can two of them want one place. */
function several(items: readonly Item[]): boolean {
  const [first] = items;
  return items.some((item) => owner(item) !== owner(first as Item));
}

function owner(item: Item): unknown {
  return (item.leaf as { readonly owner?: unknown }).owner;
}

function own(children: Record<string, FsNode>, name: string): FsNode | undefined {
  if (name === "__proto__") {
    // MEMFS keeps children in an ordinary object, of which this one becomes the prototype.
    const prototype = Object.getPrototypeOf(children) as FsNode;
    return prototype.name === name ? prototype : undefined;
  }
  return Object.hasOwn(children, name) ? children[name] : undefined;
}

function rebased(items: readonly Item[], from: number, to: number): Item[] {
  const padding = "/".repeat(Math.max(to - from, 0));
  return items.map(({ path, leaf }) => ({ path: padding + path.slice(Math.max(from - to, 0)), leaf }));
}

/** Items by the next part of their paths, in their order. */
function split<Leaf extends Content>(items: readonly Item<Leaf>[], depth: number): Parts<Leaf> {
  const files = new Map<string, Leaf>();
  const folders = new Map<string, Item<Leaf>[]>();
  const order: string[] = [];
  const twice: [Item<Leaf>, Item<Leaf>][] = [];
  let last = "";
  let lastItems: Item<Leaf>[] = [];
  for (const item of items) {
    const { path } = item;
    const end = path.indexOf("/", depth);
    if (end < 0) {
      const name = path.slice(depth);
      if (files.has(name)) {
        const other = items.find((one) => one.path.slice(depth) === name) as Item<Leaf>;
        twice.push([item, other]);
      } else {
        files.set(name, item.leaf);
        order.push(name);
      }
      continue;
    }
    // Files of one directory mostly come one after the other.
    if (last.length !== end - depth || !path.startsWith(last, depth)) {
      last = path.slice(depth, end);
      const before = folders.get(last);
      lastItems = before ?? [];
      if (before === undefined) {
        folders.set(last, lastItems);
        order.push(last);
      }
    }
    lastItems.push(item);
  }
  return { files, folders, order, twice };
}
