/** 1 − βᵗ, what the weights of an average that started at 0 add up to; without cancellation where β is close to 1. */
export const biasCorrection = (beta: number, step: number): number => -Math.expm1(step * Math.log(beta));
