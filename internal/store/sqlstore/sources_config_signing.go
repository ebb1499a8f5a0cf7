package sqlstore

// SetSigningKey keeps the sealed key under which a collector signs; nil removes
// it.
func (tx *Tx) SetSigningKey(collector int64, sealed []byte) error {
	return tx.exec("UPDATE collectors SET signing = $1 WHERE id = $2", nilBytes(sealed), collector)
}

// SigningKey returns the sealed key under which a collector signs; nil where it
// has none.
func (tx *Tx) SigningKey(collector int64) ([]byte, error) {
	var sealed []byte
	err := tx.queryRow("SELECT signing FROM collectors WHERE id = $1", collector).Scan(&sealed)
	if isNoRows(err) {
		return nil, nil
	}
	return sealed, err
}
