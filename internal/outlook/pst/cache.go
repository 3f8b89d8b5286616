package pst

import "container/list"

// cache holds what was used last, up to max bytes.
type cache[K comparable, V any] struct {
	max, used int64
	byKey     map[K]*list.Element
	order     list.List // of *cached[K, V], the last used in front
}

type cached[K comparable, V any] struct {
	key  K
	v    V
	cost int64
}

func (c *cache[K, V]) get(key K) (v V, ok bool) {
	e, ok := c.byKey[key]
	if !ok {
		return v, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached[K, V]).v, true
}

func (c *cache[K, V]) put(key K, v V, cost int64) {
	if c.byKey == nil {
		c.byKey = map[K]*list.Element{}
	}
	if old, ok := c.byKey[key]; ok {
		c.drop(old)
	}
	c.byKey[key] = c.order.PushFront(&cached[K, V]{key, v, cost})
	for c.used += cost; c.used > c.max && c.order.Len() > 1; {
		c.drop(c.order.Back())
	}
}

func (c *cache[K, V]) drop(e *list.Element) {
	old := c.order.Remove(e).(*cached[K, V])
	delete(c.byKey, old.key)
	c.used -= old.cost
}
