'use strict';

function refuse() {
  throw new Error(
    'Excel files are not read or written here: the library that danfojs uses for them has known vulnerabilities. Save the sheet as CSV.',
  );
}

const utils = new Proxy({}, { get: () => refuse });

module.exports = { read: refuse, readFile: refuse, write: refuse, writeFile: refuse, utils };
