/** The server of `npm run lab`, and a browser that works with it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { launchChromium } from '../../reports/chromium';
import { executable, python, root } from './support';

interface Session {
  path: string;
  kernel: { id: string; execution_state: string; connections: number };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Starts the server; gives the address that it prints. */
async function startServer(folder: string): Promise<{ server: ChildProcess; address: URL }> {
  const args = ['--no-browser', '--port', String(await freePort()), `--ServerApp.root_dir=${folder}`];
  const server = spawn(python, [join(root, 'tools', 'reports', 'lab.py'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: server.stdout })) {
    const found = /runs at (http:\S+)/.exec(line);
    if (found) return { server, address: new URL(found[1]!) };
  }
  throw new Error('JupyterLab ended without printing its address');
}

export class Lab {
  /** Exceptions in the page. */
  readonly exceptions: string[] = [];
  /** Requests to other hosts. */
  readonly outside: string[] = [];

  private constructor(
    readonly server: ChildProcess,
    readonly address: URL,
    private readonly browser: Browser,
    readonly context: BrowserContext,
    public page: Page,
  ) {}

  /** @param folder The notebooks. */
  static async start(folder: string): Promise<Lab> {
    const [{ server, address }, browser] = await Promise.all([
      startServer(folder),
      launchChromium(executable!),
    ]);
    const context = await browser.newContext({ viewport: { width: 1300, height: 2400 } });
    const lab = new Lab(server, address, browser, context, await context.newPage());
    await lab.watch();
    return lab;
  }

  /** Closes the page and opens another one, as a student does who comes back. */
  async newPage(): Promise<void> {
    await this.page.close();
    this.page = await this.context.newPage();
    await this.watch();
  }

  async stop(): Promise<void> {
    await this.browser.close();
    if (this.server.exitCode !== null) return;
    this.server.kill('SIGINT');
    await once(this.server, 'exit');
  }

  async ask<T>(path: string): Promise<T> {
    const answer = await fetch(`${this.address.origin}/api/${path}${this.address.search}`);
    return (await answer.json()) as T;
  }

  async session(name: string): Promise<Session | undefined> {
    return (await this.ask<Session[]>('sessions')).find(({ path }) => path === name);
  }

  get notebook(): Locator {
    return this.page.locator('.jp-NotebookPanel:visible');
  }

  get status(): Promise<string | null> {
    return this.notebook.locator('.jp-Notebook-ExecutionIndicator').getAttribute('data-status');
  }

  prompts(notebook = this.notebook): Promise<string[]> {
    return notebook.locator('.jp-CodeCell .jp-InputPrompt').allInnerTexts();
  }

  cell(index: number): Locator {
    return this.notebook.locator('.jp-CodeCell').nth(index);
  }

  /** Opens a notebook in a workspace of its own and waits until its kernel is connected. */
  async open(name: string, { busy = false } = {}): Promise<Locator> {
    const { origin, search } = this.address;
    const workspace = name.replace(/\W/g, '-');
    await this.page.goto(`${origin}/lab/workspaces/${workspace}/tree/${name}${search}&reset`);
    const { notebook } = this;
    await notebook.locator('.jp-Notebook .jp-Cell').first().waitFor({ timeout: 60_000 });
    // Before it connects, JupyterLab shows the kernel as idle for a moment: the server knows better.
    const isConnected = async () => {
      const { kernel } = (await this.session(name)) ?? {};
      return kernel && kernel.connections > 0 && (busy || kernel.execution_state === 'idle');
    };
    await expect.poll(isConnected, { timeout: 60_000, interval: 200 }).toBe(true);
    if (!busy) await this.isIdle();
    return notebook;
  }

  async isIdle(timeout = 60_000): Promise<void> {
    await this.notebook.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').waitFor({ timeout });
  }

  async menu(name: RegExp, item: RegExp): Promise<void> {
    await this.page.locator('.lm-MenuBar-item', { hasText: name }).click();
    await this.page.locator('.lm-Menu-itemLabel', { hasText: item }).first().click();
  }

  async runAll(): Promise<void> {
    await this.notebook.locator('.jp-Cell').first().click();
    await this.menu(/^Run$/, /^Run All Cells$/);
  }

  async runCell(index: number): Promise<void> {
    await this.cell(index).locator('.cm-content').click();
    await this.page.keyboard.press('Shift+Enter');
  }

  async confirmDialog(): Promise<void> {
    await this.page.locator('.jp-Dialog button.jp-mod-accept').click();
  }

  private async watch(): Promise<void> {
    this.page.on('pageerror', (error) => this.exceptions.push(error.message));
    await this.page.route(
      (url) => url.protocol.startsWith('http') && url.host !== this.address.host,
      (route) => {
        this.outside.push(route.request().url());
        return route.abort();
      },
    );
  }
}
