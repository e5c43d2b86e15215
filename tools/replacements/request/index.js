'use strict';

module.exports = function request() {
  throw new Error(
    'danfojs does not stream from addresses here: the library that it uses for that is abandoned. Fetch the file first: await fetch(address).',
  );
};
module.exports.get = module.exports;
