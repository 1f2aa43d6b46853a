using Microsoft.AspNetCore.Identity;

namespace OrleansGateway.Web.Accounts;

/// <summary>Who signs in. The e-mail address is what a person is found by; the name is for people to read and need not be unique: whether
/// somebody has a name would tell who is here.</summary>
public sealed class Person : IdentityUser<Guid>
{
    /// <summary>What pages and mails call them.</summary>
    public string Name { get; set; } = "";

    /// <summary>The language of mails.</summary>
    public string Language { get; set; } = "en";

    /// <summary>An IANA time zone; pages write times in it.</summary>
    public string TimeZone { get; set; } = "UTC";

    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>When they stated that they are old enough.</summary>
    public DateTimeOffset AgeStatedAt { get; set; }

    /// <summary>When they took their consent to the policy back; null while it is given.</summary>
    public DateTimeOffset? PolicyWithdrawnAt { get; set; }

    /// <summary>When all that names them is going to be deleted, as they asked; null if they did not, or took it back.</summary>
    public DateTimeOffset? DeletionDueAt { get; set; }

    /// <summary>When that was done: of such a person there is nothing but a random id.</summary>
    public DateTimeOffset? DeletedAt { get; set; }
}

/// <summary>A browser that is signed in.</summary>
public sealed class Session
{
    public Guid Id { get; set; }
    public Guid PersonId { get; set; }
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>The last visit, to some minutes.</summary>
    public DateTimeOffset SeenAt { get; set; }

    public string Address { get; set; } = "";
    public string Agent { get; set; } = "";
}

/// <summary>Somebody signed in, or tried to.</summary>
public sealed class SignInRecord
{
    public long Id { get; set; }
    public Guid PersonId { get; set; }
    public DateTimeOffset At { get; set; }
    public string Address { get; set; } = "";
    public string Agent { get; set; } = "";

    /// <summary><c>signed_in</c>, <c>wrong_password</c>, <c>wrong_code</c> or <c>slowed_down</c>.</summary>
    public string Outcome { get; set; } = "";
}

/// <summary>What a person agreed to, or took back.</summary>
public sealed class Consent
{
    public long Id { get; set; }
    public Guid PersonId { get; set; }

    /// <summary><c>terms</c>, <c>privacy</c>, <c>crossborder</c>.</summary>
    public string Purpose { get; set; } = "";

    /// <summary>Of the text that was shown.</summary>
    public string Version { get; set; } = "";

    public string Language { get; set; } = "";
    public bool IsGiven { get; set; }
    public DateTimeOffset At { get; set; }
    public string Address { get; set; } = "";
}

/// <summary>A mail that has to be sent.</summary>
public sealed class QueuedMail : LeasedRow
{
    public long Id { get; set; }

    /// <summary>
    /// <c>mail</c>; <c>reset</c>: what a person who has the recipient's address gets who forgot their password; <c>refused</c>: a sign-in for
    /// the log of whoever has the address.
    /// </summary>
    public string Kind { get; set; } = "mail";

    /// <summary>Recipient, subject and text, encrypted: they hold links that open accounts.</summary>
    public byte[] Content { get; set; } = [];

    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>A change of an e-mail address, which the old one can undo.</summary>
public sealed class EmailChange
{
    public Guid Id { get; set; }
    public Guid PersonId { get; set; }
    public string OldEmail { get; set; } = "";

    /// <summary>SHA-256 of the undo link's secret.</summary>
    public byte[] UndoHash { get; set; } = [];

    public DateTimeOffset At { get; set; }

    /// <summary>Until when it can be undone.</summary>
    public DateTimeOffset ExpiresAt { get; set; }
}

/// <summary>All that is kept of a person as a ZIP: asked for, made in the background.</summary>
public sealed class DataExport : LeasedRow
{
    public Guid Id { get; set; }
    public Guid PersonId { get; set; }
    public DateTimeOffset AskedAt { get; set; }

    /// <summary>Null until it is complete.</summary>
    public DateTimeOffset? ReadyAt { get; set; }

    public DateTimeOffset ExpiresAt { get; set; }
    public long Bytes { get; set; }
}
