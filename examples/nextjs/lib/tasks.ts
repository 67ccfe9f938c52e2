import {
  type InfiniteData,
  keepPreviousData,
  type QueryClient,
  useInfiniteQuery,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query';
import { toast } from 'sonner';
import { api, explain, isUnavailable, ok, type Task } from '@/lib/api';
import { SessionExpired } from '@/lib/token';

export type Status = 'all' | 'pending' | 'completed';
export type Filter = { status: Status; q: string };
type Page = { tasks: Task[]; total: number; next: string | undefined };

const PAGE = 50;

/** The user's tasks, newest first, page by page. */
export function useTasks(userId: string, { status, q }: Filter) {
  return useInfiniteQuery({
    queryKey: ['tasks', userId, { status, q }],
    queryFn: async ({ pageParam, signal }): Promise<Page> => {
      const query = { status, limit: PAGE, count: true, ...(q && { q }), ...(pageParam && { cursor: pageParam }) };
      const { data, headers } = await ok(
        api.GET('/api/{user_id}/tasks', { params: { path: { user_id: userId }, query }, signal }),
      );
      return { tasks: data, total: Number(headers.get('X-Total-Count') ?? data.length), next: nextCursor(headers) };
    },
    initialPageParam: '',
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
    // The page finds out by itself when the server is back.
    refetchInterval: (query) => query.state.error !== null && isUnavailable(query.state.error) && 5_000,
  });
}

/** Taskbridge leads on with `Link: <?…&cursor=…>; rel="next"`. */
function nextCursor(headers: Headers): string | undefined {
  const query = headers.get('Link')?.match(/<\?([^>]*)>;\s*rel="next"/)?.[1];
  return new URLSearchParams(query).get('cursor') ?? undefined;
}

export type Draft = { title: string; description: string | null };

/** A task that the server has not seen yet. */
export const isDraft = (task: Task) => task.id < 0;

export function useAddTask(userId: string, onFailure: (draft: Draft) => void) {
  return useTaskMutation<Draft, Task>(userId, {
    send: async (draft) =>
      (await ok(api.POST('/api/{user_id}/tasks', { params: { path: { user_id: userId } }, body: draft }))).data,
    // Shown at once, until the server's own is there.
    foresee: (draft, lists) => {
      const now = new Date().toISOString();
      const id = -Date.now();
      lists.put({ ...draft, id, user_id: userId, completed: false, created_at: now, updated_at: now });
      return () => lists.drop(id);
    },
    done: (task, lists, forget) => {
      forget();
      lists.put(task);
    },
    failed: onFailure,
    failure: ({ title }) => `“${title}” was not added`,
  });
}

export function useUpdateTask(userId: string) {
  return useTaskMutation<{ task: Task; draft: Draft }, Task>(userId, {
    send: async ({ task, draft }) =>
      (await ok(api.PATCH('/api/{user_id}/tasks/{task_id}', { params: pathOf(task), body: draft }))).data,
    foresee: ({ task, draft }, lists) => lists.put({ ...task, ...draft }),
    done: (task, lists) => lists.put(task),
    failure: ({ task }) => `“${task.title}” was not changed`,
  });
}

export function useCompleteTask(userId: string) {
  return useTaskMutation<{ task: Task; completed: boolean }, Task>(userId, {
    send: async ({ task, completed }) =>
      (await ok(api.PATCH('/api/{user_id}/tasks/{task_id}/complete', { params: pathOf(task), body: { completed } })))
        .data,
    foresee: ({ task, completed }, lists) => lists.put({ ...task, completed }),
    done: (task, lists) => lists.put(task),
    failure: ({ task }) => `“${task.title}” was not changed`,
  });
}

export function useDeleteTask(userId: string) {
  return useTaskMutation<Task, void>(userId, {
    send: async (task) => {
      await ok(api.DELETE('/api/{user_id}/tasks/{task_id}', { params: pathOf(task) }));
    },
    foresee: (task, lists) => lists.drop(task.id),
    failure: ({ title }) => `“${title}” was not deleted`,
  });
}

const pathOf = (task: Task) => ({ path: { user_id: task.user_id, task_id: task.id } });

type Change<Variables, Result> = {
  send: (variables: Variables) => Promise<Result>;
  /** Changes the lists as the server is going to, and returns what takes it back. */
  foresee: (variables: Variables, lists: Lists) => () => void;
  done?: (result: Result, lists: Lists, undo: () => void) => void;
  failed?: (variables: Variables) => void;
  /** What is told when the server did not. */
  failure: (variables: Variables) => string;
};

/** A change that is seen at once, and taken back when the server refuses it. Changes are sent one after the other. */
function useTaskMutation<Variables, Result>(userId: string, change: Change<Variables, Result>) {
  const queryClient = useQueryClient();
  const queryKey = ['tasks', userId];
  const lists = new Lists(queryClient, queryKey);
  const mutation = useMutation<Result, Error, Variables, () => void>({
    mutationKey: queryKey,
    scope: { id: 'tasks' },
    mutationFn: change.send,
    onMutate: async (variables) => {
      await queryClient.cancelQueries({ queryKey });
      return change.foresee(variables, lists);
    },
    onSuccess: (result, _, undo) => change.done?.(result, lists, undo),
    onError: (error, variables, undo) => {
      undo?.();
      change.failed?.(variables);
      if (error instanceof SessionExpired) return;
      toast.error(change.failure(variables), {
        description: explain(error),
        ...(isUnavailable(error) &&
          !change.failed && { action: { label: 'Try again', onClick: () => mutation.mutate(variables) } }),
      });
    },
    // The server's word is the last, once nothing is under way that it does not know of.
    onSettled: () => {
      if (queryClient.isMutating({ mutationKey: queryKey }) === 1) void queryClient.invalidateQueries({ queryKey });
    },
  });
  return mutation.mutate;
}

/** Every list of the user that has been loaded, whatever its filter. */
class Lists {
  constructor(
    private readonly queryClient: QueryClient,
    private readonly queryKey: string[],
  ) {}

  /** Puts a task where it belongs, in the place of what was there by its id. Returns what takes that back. */
  put(task: Task): () => void {
    const before = this.find(task.id);
    this.edit((tasks, filter) => {
      if (!matches(task, filter)) return tasks.filter(({ id }) => id !== task.id);
      if (tasks.some(({ id }) => id === task.id)) return tasks.map((other) => (other.id === task.id ? task : other));
      return [...tasks, task].sort(newestFirst);
    });
    return () => (before ? this.put(before) : this.drop(task.id));
  }

  /** Takes a task out. Returns what puts it back. */
  drop(id: number): () => void {
    const before = this.find(id);
    this.edit((tasks) => tasks.filter((task) => task.id !== id));
    return () => before && this.put(before);
  }

  private find(id: number): Task | undefined {
    return this.all()
      .flatMap(([, data]) => data?.pages ?? [])
      .flatMap((page) => page.tasks)
      .find((task) => task.id === id);
  }

  private edit(change: (tasks: Task[], filter: Filter) => Task[]) {
    for (const [key, data] of this.all()) {
      if (!data) continue;
      const sizes = data.pages.map((page) => page.tasks.length);
      const before = data.pages.flatMap((page) => page.tasks);
      const after = change(before, key[2] as Filter);
      const pages = data.pages.map((page, index) => {
        const start = sizes.slice(0, index).reduce((sum, size) => sum + size, 0);
        const end = index === sizes.length - 1 ? after.length : start + (sizes[index] ?? 0);
        return { ...page, tasks: after.slice(start, end), total: page.total + after.length - before.length };
      });
      this.queryClient.setQueryData(key, { ...data, pages });
    }
  }

  private all() {
    return this.queryClient.getQueriesData<InfiniteData<Page>>({ queryKey: this.queryKey });
  }
}

/** As the server filters and searches: case counts for letters other than A to Z. */
function matches(task: Task, { status, q }: Filter): boolean {
  const fold = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  const found = [task.title, task.description ?? ''].some((text) => fold(text).includes(fold(q)));
  return found && (status === 'all' || task.completed === (status === 'completed'));
}

const newestFirst = (a: Task, b: Task) => b.created_at.localeCompare(a.created_at) || b.id - a.id;
