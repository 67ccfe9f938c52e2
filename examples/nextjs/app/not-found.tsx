import { Message } from '@/components/message';
import { LinkButton } from '@/components/ui/button';

export default function NotFound() {
  return (
    <Message title="There is no such page" text="The address may be mistyped, or the page has moved.">
      <LinkButton href="/dashboard">To your tasks</LinkButton>
    </Message>
  );
}
