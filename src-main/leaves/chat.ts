/** Entry of the chat leaf's process. */
import { createChatHandlers } from '../engine/chat/chatLeaf.ts';
import { forkPort, serveLeaf } from '../host/serve.ts';

serveLeaf('chat', createChatHandlers(), forkPort(), Number(process.argv[2]));
