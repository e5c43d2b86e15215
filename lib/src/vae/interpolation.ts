import { tf } from '../runtime';

/**
 * (1 − a) z₁ + a z₂: of two independent standard normal variables it has the variance (1 − a)² + a², one half in the middle.
 *
 * @param a From 0 (z₁) to 1 (z₂).
 */
export function interpolateLinearly<T extends tf.Tensor>(z1: T, z2: T, a: number): T {
  return tf.tidy(() => tf.add(tf.mul(z1, 1 - a), tf.mul(z2, a)));
}

/**
 * z₁ cos θ + z₂ sin θ with θ = aπ/2: of two independent standard normal variables it is again a standard normal variable,
 * whatever a is, because cos² θ + sin² θ = 1.
 *
 * @param a From 0 (z₁) to 1 (z₂).
 */
export function interpolateSpherically<T extends tf.Tensor>(z1: T, z2: T, a: number): T {
  const theta = (a * Math.PI) / 2;
  return tf.tidy(() => tf.add(tf.mul(z1, Math.cos(theta)), tf.mul(z2, Math.sin(theta))));
}
