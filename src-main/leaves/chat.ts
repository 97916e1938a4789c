/** Entry of the chat leaf's process. */
import { createChatHandlers } from '../engine/chat/chatLeaf.ts';
import { parentPort, serveLeaf } from '../host/serve.ts';

serveLeaf('chat', createChatHandlers(), parentPort(), Number(process.argv[2]));
