/**
 * Numbers in rows and columns, as the equations of the notebooks index them: i counts rows, j columns. A number is a grid
 * of one row and one column; where two grids meet, one that has a single row or column is repeated.
 */
export type Grid = readonly (readonly number[])[];

export const gridOf = (value: number | Grid): Grid => (typeof value === 'number' ? [[value]] : value);

/** Numbers in row-major order as a grid. */
export function reshape(numbers: ArrayLike<number>, columns: number): Grid {
  return Array.from({ length: numbers.length / columns }, (_, i) =>
    Array.from({ length: columns }, (__, j) => numbers[i * columns + j]!),
  );
}

export const map = (grid: Grid, f: (x: number) => number): Grid => grid.map((row) => row.map((x) => f(x)));

/** f of the elements of two grids that stand at one place. */
export function zip(a: Grid, b: Grid, f: (x: number, y: number) => number): Grid {
  const [rows, columns] = [longer(a.length, b.length), longer(a[0]!.length, b[0]!.length)];
  const at = (grid: Grid, i: number, j: number): number =>
    grid[grid.length === 1 ? 0 : i]![grid[0]!.length === 1 ? 0 : j]!;
  return Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (__, j) => f(at(a, i, j), at(b, i, j))),
  );
}

function longer(a: number, b: number): number {
  if (a !== b && a !== 1 && b !== 1) throw new Error(`${a} and ${b} elements do not meet.`);
  return Math.max(a, b);
}

/** Sums over an index: i adds up rows, j columns, ij everything. */
export function sumOver(index: string, grid: Grid): Grid {
  const overRows = index.includes('i') ? [grid.reduce((a, b) => zip([a], [b], (x, y) => x + y)[0]!)] : grid;
  return index.includes('j') ? overRows.map((row) => [row.reduce((a, b) => a + b)]) : overRows;
}

/** Means over an index. */
export function meanOver(index: string, grid: Grid): Grid {
  const rows = index.includes('i') ? grid.length : 1;
  const count = rows * (index.includes('j') ? grid[0]!.length : 1);
  return map(sumOver(index, grid), (x) => x / count);
}
