'use client';

import { Message } from '@/components/message';
import { Button } from '@/components/ui/button';

export default function ErrorPage() {
  return (
    <Message title="Something went wrong" text="It is not your fault. Please try again in a moment.">
      <Button onClick={() => location.reload()}>Try again</Button>
    </Message>
  );
}
