/** What backends.test.ts runs in a browser. */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-webgl';
import '@tensorflow/tfjs-backend-webgpu';
import { subjects } from '../../../lib/test/optimizers/subjects';
import { follow, showsNaN, trajectories, type Course } from '../../../lib/test/optimizers/trajectories';

// Otherwise tensors as small as these are computed in JavaScript.
tf.env().set('WEBGL_CPU_FORWARD', false);
tf.env().set('WEBGPU_CPU_FORWARD', false);
// One program for all shapes: most of the time goes into compiling them.
tf.env().set('WEBGL_USE_SHAPES_UNIFORMS', true);

/** Makes a backend compute; gives the name of the one that does. */
export async function use(backend: string): Promise<string> {
  await tf.setBackend(backend);
  await tf.ready();
  return tf.getBackend();
}

/** Follows every trajectory of an optimizer. */
export async function followAll(optimizer: string, steps: number): Promise<Course[]> {
  const courses: Course[] = [];
  for (const trajectory of trajectories) {
    if (trajectory.subject.name === optimizer) courses.push(await follow(trajectory, steps));
  }
  return courses;
}

/** Which optimizers let a NaN in a gradient show. */
export async function showingNaN(): Promise<string[]> {
  const showing: string[] = [];
  for (const subject of subjects) if (await showsNaN(subject)) showing.push(subject.name);
  return showing;
}
