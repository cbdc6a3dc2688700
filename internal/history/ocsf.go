package history

import (
	"net/netip"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// ocsfVersion is the version of the Open Cybersecurity Schema Framework of the events.
const ocsfVersion = "1.8.0"

// OCSF constants. Each change and each denial is an event of the class API Activity, because a record
// describes a call with caller, source and up to 100 resources. The alternative, Entity Management, has one
// entity per event, and neither the call nor its source.
const (
	ocsfCategory, ocsfClass                        = 6, 6003
	ocsfCreate, ocsfUpdate, ocsfDelete, ocsfOther  = 1, 3, 4, 99
	ocsfUnknown, ocsfSuccess, ocsfFailure          = 0, 1, 2
	ocsfInformational, ocsfLow, ocsfMedium         = 1, 2, 3
	ocsfAllowed, ocsfDenied                        = 1, 2
	ocsfDispositionAllowed, ocsfDispositionBlocked = 1, 2
	ocsfTarget                                     = 1
)

// OCSF converts a change or a denial to an event. version is the version of this program.
func OCSF(c *Change, version string) OCSFEvent {
	r := &c.Record
	e := OCSFEvent{
		CategoryUID: ocsfCategory, CategoryName: "Application Activity", ClassUID: ocsfClass, ClassName: "API Activity",
		Time: c.Begun.UnixMilli(), StatusCode: r.Code, StatusDetail: r.Reason,
		Actor: actorOf(r), API: apiOf(r), Source: endpointOf(r.Peer), Resources: resourcesOf(r),
		Metadata: ocsfMetadata{
			Version: ocsfVersion, Product: ocsfProduct{Name: "Storekeeper", Vendor: "Storekeeper", Version: version},
			Profiles: []string{"security_control"}, UID: r.ID, Correlation: r.RequestID, LogName: "audit",
			Sequence: max(c.IntentSeq, c.OutcomeSeq),
		},
		Unmapped: unmapped(c),
	}
	e.ActivityID, e.ActivityName = activityOf(r.Action)
	e.TypeUID, e.TypeName = ocsfClass*100+e.ActivityID, e.ClassName+": "+e.ActivityName
	e.StatusID, e.Status, e.SeverityID, e.Severity = statusOf(r)
	e.ActionID, e.Action, e.DispositionID, e.Disposition = ocsfAllowed, "Allowed", ocsfDispositionAllowed, "Allowed"
	if r.Kind == audit.KindDenial {
		e.ActionID, e.Action, e.DispositionID, e.Disposition = ocsfDenied, "Denied", ocsfDispositionBlocked, "Blocked"
	}
	e.Message = message(r)
	return e
}

// activityOf derives the OCSF activity from the action.
func activityOf(action string) (int, string) {
	switch _, verb, _ := strings.Cut(action, "."); verb {
	case "create", "duplicate":
		return ocsfCreate, "Create"
	case "get", "list":
		return 2, "Read"
	case "update":
		return ocsfUpdate, "Update"
	case "delete":
		return ocsfDelete, "Delete"
	default:
		return ocsfOther, "Other"
	}
}

func statusOf(r *audit.Record) (id int, status string, severityID int, severity string) {
	switch {
	case r.Kind == audit.KindDenial:
		return ocsfFailure, "Failure", ocsfLow, "Low"
	case r.Outcome == audit.Succeeded:
		return ocsfSuccess, "Success", ocsfInformational, "Informational"
	case r.Outcome == audit.Failed, r.Outcome == audit.NotSent:
		return ocsfFailure, "Failure", ocsfInformational, "Informational"
	default:
		return ocsfUnknown, "Unknown", ocsfMedium, "Medium"
	}
}

func message(r *audit.Record) string {
	what := r.Action
	if what == "" {
		what = "a call"
	}
	if r.Kind == audit.KindDenial {
		return what + " was denied"
	}
	return what + ": " + string(r.Outcome)
}

func actorOf(r *audit.Record) ocsfActor {
	a := ocsfActor{User: ocsfUser{Name: r.Caller, UID: r.Subject, Type: "Unknown"}}
	if a.User.Name == "" && a.User.UID == "" {
		a.User.Name = "unauthenticated"
	}
	if r.Tenant != "" {
		a.User.Groups = []ocsfNamed{{Name: r.Tenant}}
	}
	if r.Issuer != "" {
		a.IDP = &ocsfNamed{Name: r.Issuer}
	}
	if r.JTI != "" {
		a.Session = &ocsfSession{UID: r.JTI}
	}
	if r.Decision != (audit.Decision{}) || r.Kind == audit.KindDenial {
		d := ocsfAuthorization{Decision: "denied"}
		if r.Decision.Allowed {
			d.Decision = "allowed"
		}
		if r.Decision.Rule != "" || r.Policy != "" {
			d.Policy = &ocsfNamed{Name: r.Decision.Rule, UID: r.Policy}
		}
		a.Authorizations = []ocsfAuthorization{d}
	}
	return a
}

func apiOf(r *audit.Record) ocsfAPI {
	a := ocsfAPI{Operation: r.Method}
	if service, method, ok := strings.Cut(strings.TrimPrefix(r.Method, "/"), "/"); ok {
		a.Operation, a.Service = method, &ocsfNamed{Name: service}
	}
	if a.Operation == "" {
		a.Operation = "unknown"
	}
	if r.RequestID != "" {
		a.Request = &ocsfRequest{UID: r.RequestID}
	}
	if r.Reason != "" || r.Code != "" {
		a.Response = &ocsfResponse{Error: r.Reason, Text: r.Code}
	}
	return a
}

// endpointOf returns an endpoint with an address or a name, as the schema requires.
func endpointOf(peer string) ocsfEndpoint {
	if at, err := netip.ParseAddrPort(peer); err == nil {
		return ocsfEndpoint{IP: at.Addr().String(), Port: int(at.Port())}
	}
	if at, err := netip.ParseAddr(peer); err == nil {
		return ocsfEndpoint{IP: at.String()}
	}
	if peer == "" {
		peer = "unknown"
	}
	return ocsfEndpoint{Name: peer}
}

func resourcesOf(r *audit.Record) (all []ocsfResource) {
	account := func() *ocsfNamed {
		if r.Account == "" {
			return nil
		}
		return &ocsfNamed{Name: r.Account}
	}
	store := r.Store.Name
	if store == "" {
		store = r.Store.ID
	}
	for _, s := range r.Secrets {
		if s.ID == "" && s.Name == "" {
			continue // the schema wants one of them
		}
		all = append(all, ocsfResource{UID: s.ID, Name: s.Name, Type: "secret", Namespace: store, Group: account(), RoleID: ocsfTarget, Role: "Target"})
	}
	if len(all) == 0 && r.Store != (audit.Store{}) {
		all = append(all, ocsfResource{UID: r.Store.ID, Name: r.Store.Name, Type: "secret store", Group: account(), RoleID: ocsfTarget, Role: "Target"})
	}
	return all
}

// unmapped returns the fields for which the class has no attribute.
func unmapped(c *Change) map[string]any {
	r := &c.Record
	all := map[string]any{}
	for key, text := range map[string]string{
		"outcome": string(r.Outcome), "tenant": r.Tenant, "account": r.Account, "store_id": r.Store.ID, "store_name": r.Store.Name,
		"credential": r.Credential, "run_id": r.RunID, "protocol": r.Protocol, "decision_id": r.Decision.ID,
	} {
		if text != "" {
			all[key] = text
		}
	}
	if len(r.Changed) > 0 {
		all["changed"] = r.Changed
	}
	if len(r.Rays) > 0 {
		all["cf_rays"] = r.Rays
	}
	if r.SecretCount > len(r.Secrets) {
		all["secret_count"] = r.SecretCount
	}
	if r.Suppressed > 0 {
		all["suppressed"] = r.Suppressed
	}
	if c.Recovered {
		all["recovered"] = true
	}
	if !c.Ended.IsZero() {
		all["ended"] = c.Ended.UTC().Format(time.RFC3339Nano)
	}
	return all
}
