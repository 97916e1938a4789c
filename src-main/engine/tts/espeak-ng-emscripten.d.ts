// The package brings no types; espeak.ts says what it uses of it.
declare module '@echogarden/espeak-ng-emscripten';
