package record

// Plain is the block before it is compressed, for seeds.
func (p *Packer) Plain() []byte {
	p.Pack(nil)
	return append([]byte(nil), p.scratch...)
}

// Compress compresses a block.
func (c *Codec) Compress(plain []byte) []byte { return c.enc.EncodeAll(plain, nil) }
