/**
 * What of JupyterLab and JupyterLite is used: no more, and as they have it, because their packages are no dependency.
 *
 * Everything here is taken from the share scope that the application gives to its extensions (`lab-shared.ts`).
 */

export interface Disposable {
  dispose(): void;
}

export interface Signal<T> {
  connect(slot: (sender: unknown, value: T) => void): boolean;
}

/** `@jupyterlab/services`. */
export interface KernelMessage {
  readonly header: { readonly msg_type: string };
  readonly content: Readonly<Record<string, unknown>>;
}

export interface KernelFuture {
  onIOPub: (message: KernelMessage) => void;
  readonly done: Promise<KernelMessage>;
}

export interface KernelConnection {
  readonly id: string;
  readonly name: string;
  requestExecute(content: { code: string; silent?: boolean; store_history?: boolean }): KernelFuture;
}

export interface SessionConnection {
  readonly path: string;
  readonly kernel: KernelConnection | null;
}

export interface SessionManager {
  startNew(options: { path: string; name?: string; type?: string; kernel?: { name?: string; id?: string } }, ...rest: unknown[]): Promise<SessionConnection>;
}

export interface ContentsManager {
  save(path: string, options: { type: string; format: string; content: unknown }): Promise<unknown>;
}

/** `@jupyterlite/services`. */
export interface KernelOptions {
  readonly id: string;
  readonly name: string;
  readonly location: string;
}

export interface LiteKernel extends Disposable {
  readonly ready: Promise<void>;
  handleMessage(message: unknown): Promise<void>;
}

export type KernelFactory = (options: KernelOptions) => Promise<LiteKernel>;

export interface KernelSpecs {
  readonly factories: Map<string, KernelFactory>;
  register(options: { readonly spec: { readonly name: string }; readonly create: KernelFactory }): void;
}

export interface Widget extends Disposable {
  readonly isDisposed?: boolean;
  readonly node: HTMLElement;
  id: string;
  title: { label: string; closable?: boolean };
}

/** Where widgets are. */
export interface Shell {
  add(widget: Widget, area: "main", options: { mode: "split-right"; ref: string }): void;
  activateById(id: string): void;
}

export interface SessionContext {
  readonly session: SessionConnection | null;
  readonly path: string;
  restartKernel(): Promise<void>;
  readonly statusChanged: Signal<string>;
}

export interface NotebookPanel extends Widget {
  readonly content: { readonly rendermime: unknown };
  readonly disposed: Signal<void>;
  readonly sessionContext: SessionContext;
  readonly context: { readonly path: string; save(): Promise<void>; readonly model: unknown };
  readonly model: { getMetadata(key: string): unknown; setMetadata(key: string, value: unknown): void } | null;
  readonly toolbar: { insertBefore(other: string, name: string, item: Widget): boolean };
  readonly revealed: Promise<void>;
}

export interface NotebookTracker {
  readonly currentWidget: NotebookPanel | null;
  readonly currentChanged: Signal<NotebookPanel | null>;
  readonly widgetAdded: Signal<NotebookPanel>;
  find(fits: (panel: NotebookPanel) => boolean): NotebookPanel | undefined;
}

export interface Commands {
  addCommand(id: string, options: { label: string; caption?: string; isEnabled?: () => boolean; execute: () => unknown }): Disposable;
  execute(id: string): Promise<unknown>;
  notifyCommandChanged(id?: string): void;
}

export interface FileType {
  readonly name: string;
  readonly displayName: string;
  readonly extensions: readonly string[];
  readonly pattern?: string;
  readonly mimeTypes: readonly string[];
  readonly fileFormat: "text";
  readonly contentType: "file";
}

export interface Application {
  readonly commands: Commands;
  readonly docRegistry: { addFileType(type: FileType, factories?: readonly string[]): Disposable };
  readonly serviceManager: { readonly sessions: SessionManager; readonly contents: ContentsManager };
  readonly restored: Promise<void>;
  readonly shell: Shell;
}

export interface Settings {
  get(key: string): { readonly composite: unknown };
  readonly changed: Signal<unknown>;
}

export interface SettingRegistry {
  load(plugin: string): Promise<Settings>;
}

/** A bundle of translations; `__` fills `%1`, `_n` chooses by a number. */
export interface Translation {
  __(text: string, ...values: unknown[]): string;
  _n(one: string, many: string, count: number, ...values: unknown[]): string;
}

export interface Translator {
  load(domain: string): Translation;
}

export interface Button {
  readonly accept: boolean;
}

/** `@jupyterlab/apputils`. */
export interface AppUtils {
  readonly showDialog: (options: {
    readonly title: string;
    readonly body: Widget | string;
    readonly buttons: readonly Button[];
    readonly defaultButton?: number;
    readonly checkbox?: { readonly label: string; readonly checked: boolean } | null;
  }) => Promise<{ readonly button: Button; readonly isChecked: boolean | null }>;
  readonly Dialog: {
    cancelButton(options?: { label?: string }): Button;
    okButton(options?: { label?: string; caption?: string }): Button;
  };
  readonly Notification: {
    error(message: string, options?: { autoClose?: number | false; actions?: readonly { label: string; callback: () => void }[] }): string;
    info(message: string, options?: { autoClose?: number | false }): string;
    success(message: string, options?: { autoClose?: number | false }): string;
  };
  readonly MainAreaWidget: new (options: { content: Widget }) => Widget;
  readonly Clipboard: { copyToSystem(text: string): void };
  readonly ToolbarButton: new (options: { label: string; tooltip: string; onClick: () => void }) => Widget;
}

export interface Plugin {
  readonly id: string;
  readonly description: string;
  readonly autoStart: true;
  readonly requires?: readonly unknown[];
  readonly optional?: readonly unknown[];
  readonly activate: (app: Application, ...services: never[]) => unknown;
}
