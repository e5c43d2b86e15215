/** Cells that were written for tslab: its display functions show their output below the cell. */
import Module from 'node:module';
import { kernelBridge } from './bridge';

const requireHere = Module.createRequire(__filename);

interface Content {
  data: Record<string, unknown>;
  metadata: Record<string, unknown>;
  transient?: { display_id?: string };
}

/** @param name A package that a cell has loaded. */
export function connectTslab(name: string): void {
  if (name !== 'tslab') return;
  const jupyter = requireHere('tslab/dist/jupyter') as { lastWriteDisplayData: unknown };
  jupyter.lastWriteDisplayData = ({ data, metadata, transient }: Content, update?: boolean) => {
    const displayId = transient?.display_id;
    kernelBridge().display(data, {
      metadata,
      update: update === true,
      ...(displayId !== undefined && { displayId }),
    });
  };
}
