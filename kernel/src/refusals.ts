/** What a program may do with its process, and a cell may not. Failing at once is better than hanging or vanishing. */

/** Input would be waited for forever: no front end is asked for it. */
export function refuseInput(): void {
  const refuse = (): never => {
    throw new Error('A notebook cannot read from standard input. Assign the value in a cell instead.');
  };
  Object.defineProperty(process, 'stdin', { configurable: true, get: refuse });
  Object.assign(globalThis, { prompt: refuse, confirm: refuse });
}

/** `process.exit()` would take the variables and the output that is not yet sent with it. */
export function refuseExit(): void {
  process.exit = () => {
    throw new Error(
      'process.exit() would end the kernel and lose its variables. Use Shut Down in the Kernel menu instead.',
    );
  };
}
