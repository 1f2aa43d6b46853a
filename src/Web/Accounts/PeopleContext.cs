using Microsoft.AspNetCore.DataProtection.EntityFrameworkCore;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace OrleansGateway.Web.Accounts;

/// <summary>People, their sessions and mails, and the keys of data protection. The tables are made by the ledger's numbered migrations.</summary>
public sealed class PeopleContext(DbContextOptions<PeopleContext> options) : IdentityUserContext<Person, Guid>(options), IDataProtectionKeyContext
{
    /// <summary>The database's schema of all of it.</summary>
    public const string Schema = "people";

    public DbSet<Session> Sessions => Set<Session>();

    public DbSet<SignInRecord> SignIns => Set<SignInRecord>();

    public DbSet<Consent> Consents => Set<Consent>();

    public DbSet<QueuedMail> Mails => Set<QueuedMail>();

    public DbSet<EmailChange> EmailChanges => Set<EmailChange>();

    public DbSet<DataExport> DataExports => Set<DataExport>();

    public DbSet<DataProtectionKey> DataProtectionKeys => Set<DataProtectionKey>();

    /// <summary>Whether something was not saved because its twin is there.</summary>
    internal static bool IsTwin(DbUpdateException exception) => exception.InnerException is NpgsqlException { SqlState: PostgresErrorCodes.UniqueViolation };

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        builder.HasDefaultSchema(Schema);
        builder.Entity<Person>(person =>
        {
            person.ToTable("person");

            // Else two registrations at once could give one address two people.
            person.HasIndex(one => one.NormalizedEmail).IsUnique();
            person.HasIndex(one => one.CreatedAt).HasFilter("NOT email_confirmed");
            person.HasIndex(one => one.DeletionDueAt).HasFilter("deletion_due_at IS NOT NULL");
        });
        builder.Entity<IdentityUserClaim<Guid>>().ToTable("person_claim");
        builder.Entity<IdentityUserLogin<Guid>>().ToTable("person_login");
        builder.Entity<IdentityUserToken<Guid>>().ToTable("person_token");
        builder.Entity<IdentityUserPasskey<Guid>>().ToTable("person_passkey");
        builder.Entity<Session>(session =>
        {
            session.ToTable("session");
            session.Property(one => one.Id).ValueGeneratedNever();
            session.HasOne<Person>().WithMany().HasForeignKey(one => one.PersonId);
            session.HasIndex(one => one.SeenAt);
        });
        builder.Entity<SignInRecord>(record =>
        {
            record.ToTable("sign_in");
            record.HasOne<Person>().WithMany().HasForeignKey(one => one.PersonId);
            record.HasIndex(one => new { one.PersonId, one.At });
            record.HasIndex(one => one.At);
        });
        builder.Entity<Consent>(consent =>
        {
            consent.ToTable("consent");
            consent.HasOne<Person>().WithMany().HasForeignKey(one => one.PersonId);
        });
        builder.Entity<QueuedMail>(mail =>
        {
            mail.ToTable("mail");
            mail.HasIndex(one => one.NextTryAt);
        });
        builder.Entity<EmailChange>(change =>
        {
            change.ToTable("email_change");
            change.Property(one => one.Id).ValueGeneratedNever();
            change.HasOne<Person>().WithMany().HasForeignKey(one => one.PersonId);
            change.HasIndex(one => one.UndoHash).IsUnique();
        });
        builder.Entity<DataExport>(export =>
        {
            export.ToTable("data_export");
            export.Property(one => one.Id).ValueGeneratedNever();
            export.HasOne<Person>().WithMany().HasForeignKey(one => one.PersonId);
            export.HasIndex(one => one.NextTryAt).HasFilter("ready_at IS NULL");
        });
        builder.Entity<DataProtectionKey>().ToTable("data_protection_key");
    }
}
