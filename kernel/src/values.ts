/** How the value of a cell's last expression is shown. */
import util from 'node:util';

export type MimeBundle = Record<string, unknown>;

const DISPLAY = Symbol.for('Jupyter.display');

/**
 * A value that has a method `[Symbol.for('Jupyter.display')]` gives its own MIME bundle; one whose class has a
 * `toString` (a tensor, a data frame) is shown with it; everything else as `util.inspect` shows it.
 */
export async function toMimeBundle(value: unknown): Promise<MimeBundle> {
  const display: unknown = isObject(value) ? value[DISPLAY] : undefined;
  if (typeof display === 'function') {
    const bundle: unknown = await display.call(value);
    if (!isObject(bundle)) {
      throw new TypeError(
        `[Symbol.for('Jupyter.display')]() must return an object of MIME types, not ${util.inspect(bundle)}`,
      );
    }
    return bundle;
  }
  return { 'text/plain': toText(value) };
}

/** JSON of a message. Bytes become base64, other typed arrays arrays, which JSON alone would turn into objects. */
export function toJson(content: object): string {
  return JSON.stringify(content, function (this: Record<string, unknown>, key: string, value: unknown) {
    const original = this[key]; // before Buffer's own toJSON
    if (original instanceof Uint8Array) return Buffer.from(original).toString('base64');
    if (ArrayBuffer.isView(original) && !(original instanceof DataView))
      return Array.from(original as Float64Array);
    return value;
  });
}

function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  return ownText(value) ?? util.inspect(value, { depth: 4 });
}

function ownText(value: unknown): string | undefined {
  if (!isObject(value) || typeof value === 'function' || util.inspect.custom in value) return undefined;
  const text: unknown = Reflect.get(value, 'toString');
  if (typeof text !== 'function' || isBuiltIn(text)) return undefined;
  try {
    // TensorFlow.js: true adds dtype and shape.
    const result: unknown = Reflect.apply(text, value, isTensor(value) ? [true] : []);
    return typeof result === 'string' ? result : undefined;
  } catch {
    return undefined; // a disposed tensor, say
  }
}

function isTensor(value: Record<PropertyKey, unknown>): boolean {
  return (
    typeof value.dataSync === 'function' && typeof value.dtype === 'string' && Array.isArray(value.shape)
  );
}

function isBuiltIn(method: unknown): boolean {
  return Function.prototype.toString.call(method).includes('[native code]');
}

function isObject(value: unknown): value is Record<PropertyKey, unknown> {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
