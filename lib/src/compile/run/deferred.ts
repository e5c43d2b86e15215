/**
 * Data of a tensor whose native handle is fetched when somebody asks for it, and not before. Operations, reads and saves
 * all reach data through the `id` in the backend's record of it, so that record is the one place to defer.
 */
import { nativeBackend, type Backend, type TensorData } from '../../runtime/binding';

/** What to do once the data of a deferred record is not needed any more. */
const forgotten = new WeakMap<TensorData, () => void>();
const backends = new WeakSet<Backend>();

/**
 * Makes a record of data that has no handle yet fetch one when it is asked for.
 *
 * @param fetch Must call {@link settle} on the record.
 * @param forget Called instead if the last tensor with this data is disposed before.
 */
export function defer(data: TensorData, fetch: () => void, forget: () => void): void {
  watchDisposal(nativeBackend());
  forgotten.set(data, forget);
  Object.defineProperty(data, 'id', {
    configurable: true,
    enumerable: true,
    get: () => {
      fetch();
      return data.id;
    },
  });
}

/** Gives a deferred record its handle. */
export function settle(data: TensorData, id: number): void {
  forgotten.delete(data);
  Object.defineProperty(data, 'id', { value: id, configurable: true, enumerable: true, writable: true });
}

/** Disposing a tensor asks for its handle even if there is nothing to free; that must not fetch it. */
function watchDisposal(backend: Backend): void {
  if (backends.has(backend)) return;
  backends.add(backend);
  const disposeData = backend.disposeData.bind(backend);
  backend.disposeData = (dataId, force) => {
    const data = backend.tensorMap.get(dataId);
    const forget = data && forgotten.get(data);
    if (forget) {
      if (!force && data.refCount > 1) {
        data.refCount -= 1;
        return false;
      }
      settle(data, -1);
      forget();
    }
    return disposeData(dataId, force);
  };
}
