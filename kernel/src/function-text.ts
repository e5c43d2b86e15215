import { withoutInsertions } from './insertions';

/** Functions show the code of their author: it can be read, and a Worker can be made of it. */
export function hideInsertions(): void {
  const original = Object.getOwnPropertyDescriptor(Function.prototype, 'toString')!.value as () => string;
  const toString = function (this: unknown): string {
    return withoutInsertions(Reflect.apply(original, this, []));
  };
  Object.defineProperty(Function.prototype, 'toString', {
    value: toString,
    writable: true,
    configurable: true,
  });
}
