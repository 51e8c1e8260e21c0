// node clients/js/example.mjs http://127.0.0.1:8000 <resource id>
import { follow } from './palimpsest-live.js';

const [api, resource] = process.argv.slice(2);

for await (const event of follow(api, { [resource]: 0 })) {
  console.log(event.id, event.type, event.actor.name);
}
