// A wallet for models, by the Model Context Protocol. @modelcontextprotocol/sdk has to be installed, and for payments by x402 what that needs.

export { openAudit } from './mcp/audit.ts';
export { policyOf } from './mcp/policy.ts';
export { assertBounded, serveTools } from './mcp/server.ts';
export { type Tool, type ToolOptions, toolsOf } from './mcp/tools.ts';
