package history

// OCSFEvent is an event of the class API Activity (6003) of OCSF 1.8.0, as JSON.
type OCSFEvent struct {
	ActivityID    int            `json:"activity_id"`
	ActivityName  string         `json:"activity_name"`
	CategoryUID   int            `json:"category_uid"`
	CategoryName  string         `json:"category_name"`
	ClassUID      int            `json:"class_uid"`
	ClassName     string         `json:"class_name"`
	TypeUID       int            `json:"type_uid"`
	TypeName      string         `json:"type_name"`
	Time          int64          `json:"time"`
	SeverityID    int            `json:"severity_id"`
	Severity      string         `json:"severity"`
	StatusID      int            `json:"status_id"`
	Status        string         `json:"status"`
	StatusCode    string         `json:"status_code,omitempty"`
	StatusDetail  string         `json:"status_detail,omitempty"`
	Message       string         `json:"message"`
	ActionID      int            `json:"action_id"`
	Action        string         `json:"action"`
	DispositionID int            `json:"disposition_id"`
	Disposition   string         `json:"disposition"`
	Actor         ocsfActor      `json:"actor"`
	API           ocsfAPI        `json:"api"`
	Source        ocsfEndpoint   `json:"src_endpoint"`
	Resources     []ocsfResource `json:"resources,omitempty"`
	Metadata      ocsfMetadata   `json:"metadata"`
	Unmapped      map[string]any `json:"unmapped,omitempty"`
}

type ocsfActor struct {
	User           ocsfUser            `json:"user"`
	IDP            *ocsfNamed          `json:"idp,omitempty"`
	Session        *ocsfSession        `json:"session,omitempty"`
	Authorizations []ocsfAuthorization `json:"authorizations,omitempty"`
}

type ocsfUser struct {
	Name   string      `json:"name,omitempty"`
	UID    string      `json:"uid,omitempty"`
	TypeID int         `json:"type_id"`
	Type   string      `json:"type"`
	Groups []ocsfNamed `json:"groups,omitempty"`
}

type ocsfNamed struct {
	Name string `json:"name,omitempty"`
	UID  string `json:"uid,omitempty"`
}

type ocsfSession struct {
	UID string `json:"uid"`
}

type ocsfAuthorization struct {
	Decision string     `json:"decision"`
	Policy   *ocsfNamed `json:"policy,omitempty"`
}

type ocsfAPI struct {
	Operation string        `json:"operation"`
	Service   *ocsfNamed    `json:"service,omitempty"`
	Request   *ocsfRequest  `json:"request,omitempty"`
	Response  *ocsfResponse `json:"response,omitempty"`
}

type ocsfRequest struct {
	UID string `json:"uid"`
}

type ocsfResponse struct {
	Error string `json:"error,omitempty"`
	Text  string `json:"message,omitempty"`
}

type ocsfEndpoint struct {
	IP   string `json:"ip,omitempty"`
	Port int    `json:"port,omitempty"`
	Name string `json:"name,omitempty"`
}

type ocsfResource struct {
	UID       string     `json:"uid,omitempty"`
	Name      string     `json:"name,omitempty"`
	Type      string     `json:"type"`
	Namespace string     `json:"namespace,omitempty"`
	Group     *ocsfNamed `json:"group,omitempty"`
	RoleID    int        `json:"role_id"`
	Role      string     `json:"role"`
}

type ocsfMetadata struct {
	Version     string      `json:"version"`
	Product     ocsfProduct `json:"product"`
	Profiles    []string    `json:"profiles"`
	UID         string      `json:"uid,omitempty"`
	Correlation string      `json:"correlation_uid,omitempty"`
	LogName     string      `json:"log_name"`
	Sequence    uint64      `json:"sequence,omitempty"`
}

type ocsfProduct struct {
	Name    string `json:"name"`
	Vendor  string `json:"vendor_name"`
	Version string `json:"version,omitempty"`
}
