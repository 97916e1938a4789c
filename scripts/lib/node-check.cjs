'use strict';
// Runs before anything else is parsed, so it keeps to syntax that very old Node versions understand.
var MINIMUM_MAJOR = 20;
var found = parseInt(process.versions.node.split('.')[0], 10);
if (found < MINIMUM_MAJOR) {
  process.stderr.write(
    'Sotto needs Node ' +
      MINIMUM_MAJOR +
      ' or newer; this is Node ' +
      process.versions.node +
      '.\n' +
      'Install a current Node.js (your package manager or the installer of the Node project) and run the same command again.\n',
  );
  process.exit(1);
}
