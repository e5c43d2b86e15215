/** What an editor asks while code is written: completion, inspection, whether a cell is complete. */
import ts from 'typescript';
import { OWN } from './insertions';
import type { Language } from './language';
import { codePointOffset, utf16Offset } from './text-positions';

type Content = Record<string, unknown>;

/** What JupyterLab shows kinds for; more would only make the message longer. */
const MAX_TYPED_MATCHES = 500;
const TOKENS_THAT_END_TOO_EARLY = new Set([1002, 1010, 1160, 1161]);

/** @throws TypeError when the request has no code. */
export function answerEditor(language: Language, type: string, content: Content): object {
  const { code, cursor_pos: cursor } = content;
  if (typeof code !== 'string') throw new TypeError(`${type} needs the text \`code\``);
  if (type === 'is_complete_request') return isComplete(code);
  if (typeof cursor !== 'number') throw new TypeError(`${type} needs the number \`cursor_pos\``);
  const offset = utf16Offset(code, cursor);
  return type === 'complete_request' ? complete(language, code, offset) : inspect(language, code, offset);
}

/** Incomplete is what goes wrong only because the text ends. */
export function isComplete(code: string): object {
  const { diagnostics = [] } = ts.transpileModule(code, {
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext },
  });
  const [first] = [...diagnostics].sort((a, b) => (a.start ?? 0) - (b.start ?? 0));
  if (!first) return { status: 'complete' };
  const end = code.trimEnd().length;
  if ((first.start ?? 0) < end && !TOKENS_THAT_END_TOO_EARLY.has(first.code)) return { status: 'invalid' };
  const last = code.slice(code.lastIndexOf('\n') + 1);
  const indent = /^\s*/.exec(last)![0];
  return { status: 'incomplete', indent: /[{([]\s*$/.test(last) ? `${indent}  ` : indent };
}

interface Match {
  text: string;
  type: string;
}

function complete(language: Language, code: string, offset: number): object {
  const { service, file, outline } = language.editor(code);
  const found = service.getCompletionsAtPosition(file, offset, {});
  const word = /[\p{ID_Continue}$#]*$/u.exec(code.slice(0, offset))![0];
  const span = found?.entries.find((entry) => entry.replacementSpan)?.replacementSpan;
  const start = span?.start ?? offset - word.length;
  const prefix = code.slice(start, offset);
  const entries = (found?.entries ?? []).filter(({ name }) => !name.startsWith(OWN));
  const matches: Match[] = entries
    .sort((a, b) => compare(a.sortText, b.sortText) || compare(a.name, b.name))
    .map(({ name, kind, kindModifiers }) => ({
      text: name,
      type: kind === ts.ScriptElementKind.alias ? alias(kindModifiers) : kind,
    }));
  if (found?.isGlobalCompletion ?? /^\s*$/.test(code)) {
    const known = new Set(matches.map(({ text }) => text));
    for (const text of language.definedNames()) {
      if (!known.has(text) && !outline.declared.some(({ name }) => name === text))
        matches.push({ text, type: 'var' });
    }
  }
  const exact = matches.filter(({ text }) => text.startsWith(prefix));
  const lower = prefix.toLowerCase();
  const fitting =
    exact.length > 0 ? exact : matches.filter(({ text }) => text.toLowerCase().startsWith(lower));
  const from = codePointOffset(code, start);
  const to = codePointOffset(code, offset);
  return {
    status: 'ok',
    cursor_start: from,
    cursor_end: to,
    matches: fitting.map(({ text }) => text),
    metadata: {
      _jupyter_types_experimental: fitting
        .slice(0, MAX_TYPED_MATCHES)
        .map(({ text, type }) => ({ text, type, start: from, end: to })),
    },
  };
}

function alias(modifiers: string | undefined): string {
  return modifiers?.includes('export') ? 'module' : 'var';
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function inspect(language: Language, code: string, offset: number): object {
  const { service, file } = language.editor(code);
  const isWord = (at: number) => /[\p{ID_Continue}$]/u.test(code.charAt(at));
  const info = isWord(offset)
    ? service.getQuickInfoAtPosition(file, offset)
    : isWord(offset - 1)
      ? service.getQuickInfoAtPosition(file, offset - 1)
      : undefined;
  const explained = info ? quickInfo(info) : signature(service, file, offset);
  if (!explained) return { status: 'ok', found: false, data: {}, metadata: {} };
  const { head, body } = explained;
  return {
    status: 'ok',
    found: true,
    data: {
      'text/plain': body === '' ? head : `${head}\n\n${body}`,
      'text/markdown': `\`\`\`typescript\n${head}\n\`\`\`\n\n${body}`,
    },
    metadata: {},
  };
}

interface Explained {
  head: string;
  body: string;
}

function quickInfo({ displayParts = [], documentation = [], tags = [] }: ts.QuickInfo): Explained {
  const shown = plain(displayParts)
    .replace(/^\(alias\) /, '')
    .replace(/\nimport [\w$.\u0080-\uffff]+$/, '');
  return { head: shown, body: describe(documentation, tags) };
}

/** The function whose arguments are being written, with the current one explained first. */
function signature(service: ts.LanguageService, file: string, offset: number): Explained | undefined {
  const help = service.getSignatureHelpItems(file, offset, {});
  const item = help?.items[help.selectedItemIndex];
  if (!help || !item) return undefined;
  const separator = plain(item.separatorDisplayParts);
  const parameters = item.parameters.map((parameter) => plain(parameter.displayParts)).join(separator);
  const head = plain(item.prefixDisplayParts) + parameters + plain(item.suffixDisplayParts);
  const current = item.parameters[help.argumentIndex];
  const about = current && plain(current.documentation);
  const first = current && about ? `\`${current.name}\`: ${about}\n\n` : '';
  const others = item.tags.filter(
    ({ name, text }) => !(about && name === 'param' && text?.[0]?.text === current.name),
  );
  return { head, body: first + describe(item.documentation, others) };
}

function describe(documentation: ts.SymbolDisplayPart[], tags: ts.JSDocTagInfo[]): string {
  const told = tags.map(({ name, text }) => {
    const words = plain(text ?? []);
    if (name === 'example') return `*Example*\n\n\`\`\`typescript\n${words}\n\`\`\``;
    const parameter = name === 'param' ? text?.find(({ kind }) => kind === 'parameterName')?.text : undefined;
    if (parameter !== undefined)
      return `- \`${parameter}\`: ${words.slice(parameter.length).replace(/^[\s-]+/, '')}`;
    return `*@${name}* ${words}`.trimEnd();
  });
  return [plain(documentation), ...told].filter((part) => part !== '').join('\n\n');
}

/** The text, without the braces of links. */
function plain(parts: ts.SymbolDisplayPart[]): string {
  return parts.map(({ kind, text }) => (kind === 'link' ? '' : text)).join('');
}
