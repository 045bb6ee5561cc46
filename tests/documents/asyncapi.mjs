// Validates an AsyncAPI document with the specification's own parser: asyncapi.mjs FILE [SENDER.sends.EVENT]...
// Each further argument is an operation that must be in it. Exit 1 with a line for each fault.
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const [file, ...operations] = process.argv.slice(2);
const { document, diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'));
const faults = diagnostics.filter(({ severity }) => severity === 0).map(({ path, message }) => `${path.join('/')}: ${message}`);
if (!document && faults.length === 0) faults.push('it is no AsyncAPI document');
const known = document ? document.allOperations().all().map((operation) => operation.id()) : [];
for (const operation of operations) if (!known.includes(operation)) faults.push(`no operation ${operation}`);
faults.forEach((fault) => console.log(fault));
if (document) console.log(`${document.allChannels().all().length} channels, ${known.length} operations, ${document.allMessages().all().length} messages`);
process.exit(faults.length > 0 ? 1 : 0);
