/** `process.exit()` would take the variables and the output that is not yet sent with it. */
export function refuseExit(): void {
  process.exit = () => {
    throw new Error(
      'process.exit() would end the kernel and lose its variables. Use Shut Down in the Kernel menu instead.',
    );
  };
}
