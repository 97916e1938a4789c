/** Entry of the tts leaf's process. */
import { createTtsHandlers } from '../engine/tts/ttsLeaf.ts';
import { parentPort, serveLeaf } from '../host/serve.ts';

serveLeaf('tts', createTtsHandlers(), parentPort(), Number(process.argv[2]));
