/**
 * The best factors of a nonnegative matrix in the sense of the I-divergence: its row sums, and its column sums divided by
 * its total. This is what AdaFactor keeps of a second moment.
 *
 * @param matrix Elements in row-major order, at least 0.
 * @returns `row[i] · column[j]` approximates the element (i, j).
 * @throws RangeError if the number of elements is not a multiple of `columns`.
 *
 * @see https://kexue.fm/archives/7302
 */
export function rankOneFactors(
  matrix: ArrayLike<number>,
  columns: number,
): { row: Float64Array; column: Float64Array } {
  if (!Number.isInteger(matrix.length / columns)) {
    throw new RangeError(`${matrix.length} elements do not make rows of ${columns}.`);
  }
  const row = new Float64Array(matrix.length / columns);
  const column = new Float64Array(columns);
  for (let index = 0; index < matrix.length; index++) {
    const [i, j] = [Math.floor(index / columns), index % columns];
    row[i] = row[i]! + matrix[index]!;
    column[j] = column[j]! + matrix[index]!;
  }
  const total = row.reduce((sum, value) => sum + value, 0);
  return { row, column: column.map((value) => (total === 0 ? 0 : value / total)) }; // (1.14)
}

/** l(a, b) = Σ c log(c / (a_i b_j)) − c + a_i b_j, at least 0, and 0 only where the factors give the matrix. */
export function iDivergence(
  matrix: ArrayLike<number>,
  row: ArrayLike<number>,
  column: ArrayLike<number>,
): number {
  let sum = 0;
  for (let index = 0; index < matrix.length; index++) {
    const c = matrix[index]!;
    const product = row[Math.floor(index / column.length)]! * column[index % column.length]!;
    sum += (c > 0 ? c * Math.log(c / product) : 0) - c + product; // (1.12)
  }
  return sum;
}

/**
 * What AdaFactor loses on a second moment: the I-divergence of its best factors, relative to the total. It is the mutual
 * information, in nats, of row and column when the matrix is read as a joint distribution; 0 for a matrix of rank 1.
 *
 * @example
 * factoringError(await squaredGradient.data(), 256);
 */
export function factoringError(matrix: ArrayLike<number>, columns: number): number {
  const { row, column } = rankOneFactors(matrix, columns);
  const total = row.reduce((sum, value) => sum + value, 0);
  return total === 0 ? 0 : iDivergence(matrix, row, column) / total; // (1.15)
}
