"""The desk's agent: identifies the customer, takes in requests, asks for what is missing, acts on an explicit yes."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from shopr.chat.retail import wording
from shopr.chat.retail.products import Products
from shopr.chat.retail.request import Asks, Request, RetailReply, Subject
from shopr.chat.retail.steps import Answer, Ask, Desk, Propose, Refuse, Transfer
from shopr.chat.retail.understanding import action_of, take_in
from shopr.chat.retail.values import find_address, find_email, find_orders, find_zip, name_pairs
from shopr.chat.retail.words import Part, Words, parts
from shopr.commerce import Commerce, Customer, Ruling
from shopr.commerce.rulings import no

__all__ = ["RetailAgent"]

_MOST_CONVERSATIONS = 10_000
_MOST_REQUESTS = 8
_QUESTIONS = ("status", "total", "contents", "list")


@dataclass(slots=True)
class _Conversation:
    user_id: str | None = None
    queue: deque[Request] = field(default_factory=deque)
    asks: Asks = "identity"
    acts: int = 0
    transferred: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class _Turn:
    """What a turn has brought so far."""

    texts: list[str] = field(default_factory=list)
    done: list[Subject] = field(default_factory=list)
    refused: Ruling | None = None
    subject: Subject | None = None


class RetailAgent:
    """A deterministic agent for orders of identified customers, in English.

    It acts only on what commerce's policy allows, after it has listed the action and heard an explicit yes, for one
    customer a conversation; another's order looks like none. Conversations live in this process.

    Args:
        commerce: the shop with its customers and orders.
    """

    def __init__(self, commerce: Commerce) -> None:
        self._commerce = commerce
        self._products = Products(commerce)
        self._words = Words(self._products.words)
        self._desk = Desk(commerce, self._products)
        self._conversations: OrderedDict[str, _Conversation] = OrderedDict()
        self._lock = threading.Lock()

    def reply(self, text: str, *, conversation_id: str) -> RetailReply:
        """Answer a message. Never raises for what a customer may send."""
        conversation = self._conversation(conversation_id)
        with conversation.lock:
            reply = self._reply(conversation, self._words.read(text), conversation_id)
            conversation.asks = reply.asks
            return reply

    def _conversation(self, conversation_id: str) -> _Conversation:
        with self._lock:
            found = self._conversations.pop(conversation_id, None) or _Conversation()
            self._conversations[conversation_id] = found
            while len(self._conversations) > _MOST_CONVERSATIONS:
                self._conversations.popitem(last=False)
            return found

    def _reply(self, conversation: _Conversation, message: Part, conversation_id: str) -> RetailReply:
        if conversation.transferred:
            return RetailReply(wording.TRANSFER, "more", transferred=True)
        turn = _Turn()
        customer = self._customer(conversation, message)
        if customer is None:
            self._take_requests(conversation, message)
            tried = bool(find_email(message.text) or find_zip(message.text))
            return RetailReply(wording.NOT_IDENTIFIED if tried else wording.HELLO, "identity")
        if self._someone_else(message, customer):
            turn.refused = no("other_person")
            turn.texts.append(wording.ONE_PERSON)
        elif conversation.asks == "confirm" and conversation.queue:
            self._answered(conversation, message, customer, turn, conversation_id)
        else:
            self._take_requests(conversation, message)
        return self._go_on(conversation, customer, turn)

    # -- who it is ----------------------------------------------------------------------------------------------------

    def _customer(self, conversation: _Conversation, message: Part) -> Customer | None:
        if conversation.user_id is None:
            conversation.user_id = self._identified(message.text)
        return None if conversation.user_id is None else self._commerce.customers.get(conversation.user_id)

    def _identified(self, text: str) -> str | None:
        for email in find_email(text)[:1]:
            return self._commerce.customers.by_email(email)
        for code in find_zip(text)[:1]:
            for first, last in name_pairs(text):
                found = self._commerce.customers.by_name_and_zip(first, last, code)
                if found is not None:
                    return found
        return None

    def _someone_else(self, message: Part, customer: Customer) -> bool:
        """Whether a message names another person than the one who was identified."""
        if any(email.casefold() != customer.email.casefold() for email in find_email(message.text)):
            return True
        codes = [code for code in find_zip(message.text) if code != customer.address.get("zip")]
        return bool(codes) and not find_address(message.text) and not find_orders(message.text)

    # -- what is wanted -----------------------------------------------------------------------------------------------

    def _take_requests(self, conversation: _Conversation, message: Part) -> None:
        current = conversation.queue[0] if conversation.queue else None
        for part in parts(message, self._words):
            action = action_of(part, self._products)
            if current is not None and self._belongs(current, part, action, conversation.asks):
                if self._given_up(part):
                    conversation.queue.popleft()
                    return
                self._tell(current, part, conversation.asks)
            elif action is not None and len(conversation.queue) < _MOST_REQUESTS:
                request = Request(action)
                self._tell(request, part, "more")
                conversation.queue.append(request)

    def _given_up(self, part: Part) -> bool:
        """Whether an answer is a no, and says nothing else."""
        telling = part.keys("act") or part.keys("method") or part.keys("reason") or self._products.mentions(part)
        return part.has("answer", "no") and not telling and not find_orders(part.text)

    def _belongs(self, current: Request, part: Part, action: str | None, asks: Asks) -> bool:
        """Whether a part of a message speaks of the request at hand."""
        if asks in ("more", "identity"):
            return False
        if action is None or action == current.action:
            return not self._other_order(current, part) or asks == "order"
        if self._other_order(current, part):
            return False
        soft = {"modify_items", "exchange", "modify_payment", "return", *_QUESTIONS}
        return action in soft and asks in ("items", "variant", "method", "order", "confirm", "reason", "address")

    def _other_order(self, current: Request, part: Part) -> bool:
        named = find_orders(part.text)
        return bool(named) and current.order_id is not None and current.order_id not in named

    def _tell(self, request: Request, part: Part, asks: Asks) -> None:
        """Let a request know a part of a message."""
        take_in(request, part)
        located, others = self._products.located(part)
        if asks == "order":
            request.locators = located + others or request.locators
            if not find_orders(part.text):
                return
        elif located:
            request.locators = located
        request.said.append(part)

    def _answered(
        self, conversation: _Conversation, message: Part, customer: Customer, turn: _Turn, conversation_id: str
    ) -> None:
        """The answer to "is that right?": an explicit yes acts, anything that changes the request asks again."""
        request = conversation.queue[0]
        agreed, denied = message.has("answer", "yes"), message.has("answer", "no")
        if self._other_order(request, message):
            self._take_requests(conversation, message)
            return
        changed = copy.deepcopy(request)
        self._tell(changed, message, "confirm")
        self._desk.step(changed, customer)
        if changed.subject() != request.subject() or changed.open or changed.unclear:
            conversation.queue[0] = changed
        elif denied:
            conversation.queue.popleft()
            turn.subject = request.subject()
            turn.texts.append(wording.DROPPED)
        elif agreed and not message.has("answer", "fix"):
            conversation.queue.popleft()
            conversation.acts += 1
            self._act(request, customer, turn, f"{conversation_id[:100]}:{conversation.acts}")

    def _act(self, request: Request, customer: Customer, turn: _Turn, request_id: str) -> None:
        turn.subject = request.subject()
        if request.action == "user_address":
            self._commerce.customers.set_address(customer.user_id, request.address)
            turn.texts.append(wording.done(request, None))
            turn.done.append(turn.subject)
            return
        change = self._desk.perform(request, customer, request_id=request_id)
        if change and change.order is not None:
            turn.texts.append(wording.done(request, change))
            turn.done.append(turn.subject)
            return
        turn.refused = change.ruling
        turn.texts.append(f"That could not be done: {change.ruling.reason}.")

    # -- what comes next ----------------------------------------------------------------------------------------------

    def _go_on(self, conversation: _Conversation, customer: Customer, turn: _Turn) -> RetailReply:
        while conversation.queue:
            request = conversation.queue[0]
            customer = self._commerce.customers.get(customer.user_id) or customer
            step = self._desk.step(request, customer)
            subject = request.subject()
            if isinstance(step, Ask):
                return self._say(turn, step.text, step.asks, subject, refused=step.refused)
            if isinstance(step, Propose):
                return self._say(turn, step.text, "confirm", subject, proposal=subject)
            conversation.queue.popleft()
            turn.texts.append(step.text)
            turn.subject = subject
            if isinstance(step, Transfer):
                conversation.transferred = True
                return RetailReply(" ".join(turn.texts), "more", subject, done=tuple(turn.done), transferred=True)
            if isinstance(step, Refuse):
                turn.refused = step.ruling
            assert isinstance(step, Answer | Refuse)
        return self._say(turn, wording.ANYTHING_ELSE, "more", turn.subject)

    def _say(
        self,
        turn: _Turn,
        text: str,
        asks: Asks,
        subject: Subject | None,
        *,
        proposal: Subject | None = None,
        refused: Ruling | None = None,
    ) -> RetailReply:
        why = turn.refused if refused is None else refused  # a refusal is false, as a ruling
        said = " ".join(_each_once([*turn.texts, text]))
        return RetailReply(said, asks, subject, proposal, tuple(turn.done), why)


def _each_once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
